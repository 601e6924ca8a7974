import { InputError, int64, type Tensor } from "@decorum/tensor";

/** One prompt and its response as token ids. */
export interface Sequence {
  /** The encoder's input, special tokens included. */
  readonly query: readonly number[];
  /** What the decoder is to produce: y0 .. y(T-1), eos included where there is one. */
  readonly response: readonly number[];
  /** Response tokens that count, by position; all of them when absent. */
  readonly mask?: readonly boolean[];
}

/** How sequences become a batch. */
export interface TokenBatchOptions {
  /**
   * True: a prompt that stands in the batch as often as every other, each time after itself, is in it once; the model
   * then encodes it once for all of its responses. Default false.
   */
  readonly sharePrompts?: boolean;
}

/** A padded batch, and where its counted tokens lie. */
export interface TokenBatch {
  readonly sequences: readonly Sequence[];
  /** Feeds of a policy graph: see {@link policyInputs}. */
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** Counted tokens of all sequences: the size of every per-token feed and result. */
  readonly tokens: number;
  /** Counted tokens of each sequence, in order; they add up to `tokens`. */
  readonly lengths: readonly number[];
  /** Positions that hold no token, of all positions that are computed (encoder and decoder). */
  readonly padding: { readonly padded: number; readonly total: number };
}

export interface Vocabulary {
  readonly vocab_size: number;
  readonly pad_token_id: number;
  readonly decoder_start_token_id: number;
}

/**
 * Checks the token ids of one sequence, which `what` names.
 *
 * @throws InputError when there are none, or one is not in the vocabulary
 */
export function checkTokenIds(ids: readonly number[], what: string, vocabSize: number): void {
  if (ids.length === 0) {
    throw new InputError(`Cannot make a batch: ${what} has no tokens; expected at least one`);
  }
  for (const [i, id] of ids.entries()) {
    if (Number.isInteger(id) && id >= 0 && id < vocabSize) continue;
    throw new InputError(
      `Cannot make a batch: token ${i} of ${what} has id ${id}; expected 0 to ${vocabSize - 1}`,
    );
  }
}

function padded(
  rows: readonly (readonly number[])[],
  width: number,
  fill: number,
): Tensor<"int64"> {
  const ids = rows.flatMap((row) => [...row, ...Array(width - row.length).fill(fill)]);
  return int64([rows.length, width], ids);
}

/**
 * Pads sequences to one length. The decoder reads `[start, y0 .. y(T-2)]`, so row t scores token t:
 * no slice and no shift.
 *
 * @throws InputError for an empty batch, an empty query or response, an id outside the vocabulary, or a
 * batch in which no token counts.
 */
export function tokenBatch(
  sequences: readonly Sequence[],
  vocabulary: Vocabulary,
  { sharePrompts = false }: TokenBatchOptions = {},
): TokenBatch {
  if (sequences.length === 0) {
    throw new InputError("Cannot make a batch of 0 sequences: expected at least one");
  }
  for (const [i, { query, response, mask }] of sequences.entries()) {
    checkTokenIds(query, `query ${i}`, vocabulary.vocab_size);
    checkTokenIds(response, `response ${i}`, vocabulary.vocab_size);
    if (mask && mask.length !== response.length) {
      throw new InputError(
        `Cannot make a batch: the mask of response ${i} has ${mask.length} entries; expected ${response.length}`,
      );
    }
  }
  const every = sequences.map(({ query }) => query);
  const queries = sharePrompts ? sharedPrompts(every) ?? every : every;
  const source = Math.max(...queries.map((query) => query.length));
  const target = Math.max(...sequences.map((s) => s.response.length));
  const rows: number[] = [];
  const labels: number[] = [];
  const lengths = sequences.map(({ response, mask }, i) => {
    const before = rows.length;
    for (const [t, id] of response.entries()) {
      if (mask && !mask[t]) continue;
      rows.push(i * target + t);
      labels.push(id);
    }
    return rows.length - before;
  });
  if (rows.length === 0) throw new InputError("Cannot make a batch in which no token counts");
  const pad = vocabulary.pad_token_id;
  const start = vocabulary.decoder_start_token_id;
  const total = queries.length * source + sequences.length * target;
  const real = queries.reduce((n, query) => n + query.length, 0) +
    sequences.reduce((n, { response }) => n + response.length, 0);
  return {
    sequences,
    feeds: {
      input_ids: padded(queries, source, pad),
      attention_mask: padded(queries.map((query) => query.map(() => 1)), source, 0),
      decoder_input_ids: padded(
        sequences.map((s) => [start, ...s.response.slice(0, -1)]),
        target,
        pad,
      ),
      rows: int64([rows.length], rows),
      labels: int64([labels.length], labels),
    },
    tokens: rows.length,
    lengths,
    padding: { padded: total - real, total },
  };
}

/**
 * The prompts of some rows, each once, where every prompt has as many rows, one after the other.
 *
 * @param rows token ids of each row's prompt
 * @returns undefined where the rows are not of that kind
 */
export function sharedPrompts(
  rows: readonly (readonly number[])[],
): (readonly number[])[] | undefined {
  const prompts: (readonly number[])[] = [];
  const counts: number[] = [];
  for (const row of rows) {
    const last = prompts.at(-1);
    if (last !== undefined && sameIds(last, row)) counts[counts.length - 1]!++;
    else {
      prompts.push(row);
      counts.push(1);
    }
  }
  return counts.every((count) => count === counts[0]) ? prompts : undefined;
}

function sameIds(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((id, i) => id === b[i]));
}
