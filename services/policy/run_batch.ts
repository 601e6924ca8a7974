import type { Piece } from "@decorum/generation";
import type { Engine } from "./engine.ts";
import type { Row, TokenChunk, Work } from "./work.ts";

/** One sequence while it grows. */
interface Growing {
  readonly work: Work;
  readonly row: Row;
  readonly tokenIds: number[];
  readonly logprobs: number[];
  readonly values: number[];
  /** Tokens that the caller has. */
  sent: number;
  finishReason: Piece["finishReason"];
}

/** What a batch was, for metrics. */
export interface BatchCounts {
  readonly sequences: number;
  /** Prompt and response tokens. */
  readonly realTokens: number;
  readonly paddingTokens: number;
  readonly generatedTokens: number;
  /** Tokens of the longest response. */
  readonly longestResponse: number;
}

/**
 * Runs one batch and sends each request its chunks; reference log-probabilities come request by request when
 * all sequences have ended, with the last chunk of each sequence.
 *
 * @param chunkTokens tokens between two looks at who still waits, and between two chunks of a stream
 * @param onFirstToken called once for each request
 */
export async function runBatch(
  engine: Engine,
  batch: readonly Work[],
  { chunkTokens, signal, onFirstToken }: {
    readonly chunkTokens: number;
    readonly signal: AbortSignal;
    readonly onFirstToken: (work: Work) => void;
  },
): Promise<BatchCounts> {
  const { sampling, weights } = batch[0]!.request;
  const sequences = batch.flatMap((work) => work.rows.map((row) => growing(work, row)));
  const waiting = new Set(batch);
  const rows = sequences.map(({ row }) => row);
  for await (const piece of engine.generate(rows, sampling, weights, { chunkTokens, signal })) {
    const sequence = sequences[piece.index]!;
    sequence.tokenIds.push(...piece.tokenIds);
    sequence.logprobs.push(...piece.logprobs);
    sequence.values.push(...piece.values ?? []);
    sequence.finishReason = piece.finishReason;
    if (waiting.delete(sequence.work)) onFirstToken(sequence.work);
    const { request, results } = sequence.work;
    if (piece.finishReason ? !request.refLogprobs : request.stream) {
      results.send(nextChunk(sequence, undefined));
    }
  }
  for (const work of batch) {
    const own = sequences.filter((sequence) => sequence.work === work);
    if (work.request.refLogprobs && !work.signal.aborted) {
      const refs = await refLogprobs(engine, own, signal);
      own.forEach((sequence, i) => work.results.send(nextChunk(sequence, refs[i])));
    }
  }
  return counts(sequences);
}

function growing(work: Work, row: Row): Growing {
  return { work, row, tokenIds: [], logprobs: [], values: [], sent: 0, finishReason: undefined };
}

async function refLogprobs(
  engine: Engine,
  sequences: readonly Growing[],
  signal: AbortSignal,
): Promise<readonly ArrayLike<number>[]> {
  const { start, weights, sampling } = sequences[0]!.work.request;
  // The same weights give the same numbers: nothing is left to compute.
  if (start === weights) return sequences.map(({ logprobs }) => logprobs);
  const scored = sequences.map(({ row, tokenIds }) => ({ query: row.ids, response: tokenIds }));
  return await engine.logprobs(scored, sampling.temperature, start, { signal });
}

/** Everything that was not sent yet. */
function nextChunk(sequence: Growing, refs: ArrayLike<number> | undefined): TokenChunk {
  const { row, tokenIds, finishReason, sent: offset } = sequence;
  sequence.sent = tokenIds.length;
  return {
    row,
    offset,
    tokenIds: tokenIds.slice(offset),
    logprobs: sequence.logprobs.slice(offset),
    values: sequence.values.slice(offset),
    end: finishReason && { finishReason, tokenIds, refLogprobs: refs },
  };
}

function counts(sequences: readonly Growing[]): BatchCounts {
  const prompts = sequences.map(({ row }) => row.ids.length);
  const responses = sequences.map(({ tokenIds }) => tokenIds.length);
  const sum = (lengths: readonly number[]) => lengths.reduce((a, b) => a + b, 0);
  const realTokens = sum(prompts) + sum(responses);
  const positions = sequences.length * (Math.max(...prompts) + Math.max(...responses));
  return {
    sequences: sequences.length,
    realTokens,
    paddingTokens: positions - realTokens,
    generatedTokens: sum(responses),
    longestResponse: Math.max(...responses),
  };
}
