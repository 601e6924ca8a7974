import type { Channel } from "@decorum/async";
import type { Piece } from "@decorum/generation";
import type { BatchCounts, Part } from "@decorum/serving";
import type { Metrics } from "@decorum/telemetry";
import type { Engine } from "./engine.ts";
import type { GenerationRequest, Row } from "./wire.ts";
import { describeWeights } from "./weights.ts";

/** Tokens between two looks at whether anybody still waits for a batch without a stream. */
const UNSEEN_TOKENS = 128;

/** The next tokens of one sequence; those of a sequence that is not streamed come at once. */
export interface TokenChunk {
  readonly row: Row;
  /** Position of the first token in the sequence. */
  readonly offset: number;
  readonly tokenIds: readonly number[];
  readonly logprobs: readonly number[];
  readonly values: readonly number[];
  /** Set in the last chunk. */
  readonly end: {
    readonly finishReason: "eos" | "length";
    /** Of the whole sequence. */
    readonly tokenIds: readonly number[];
    readonly refLogprobs: ArrayLike<number> | undefined;
  } | undefined;
}

/** Sequences of one request that run in one batch: all of them, or a part of a large request. */
export interface Work extends Part {
  readonly request: GenerationRequest;
  readonly sequences: readonly Row[];
  readonly results: Channel<TokenChunk>;
  readonly signal: AbortSignal;
  /** When the request came, in milliseconds of `performance.now()`. */
  readonly arrivedAt: number;
}

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

/**
 * Runs one batch and sends each request its chunks; reference log-probabilities come request by request when
 * all sequences have ended, with the last chunk of each sequence.
 *
 * @param batch works of the same weights and sampling, which share prompts or do not
 * @param options.streamTokens tokens between two chunks of a stream
 * @param options.signal aborted when nobody waits any more: the batch ends at its next chunk
 */
export async function runBatch(
  engine: Engine,
  batch: readonly [Work, ...Work[]],
  { streamTokens, signal, metrics }: {
    readonly streamTokens: number;
    readonly signal: AbortSignal;
    readonly metrics: Metrics;
  },
): Promise<BatchCounts> {
  const { sampling, weights, sharePrompts } = batch[0].request;
  const began = performance.now();
  const growing = batch.flatMap((work) => work.sequences.map((row) => newSequence(work, row)));
  const silent = new Set(batch);
  const rows = growing.map(({ row }) => row);
  const streams = batch.some(({ request }) => request.stream);
  const options = { chunkTokens: streams ? streamTokens : UNSEEN_TOKENS, signal, sharePrompts };
  for await (const piece of engine.generate(rows, sampling, weights, options)) {
    const sequence = growing[piece.index]!;
    const { work } = sequence;
    sequence.tokenIds.push(...piece.tokenIds);
    sequence.logprobs.push(...piece.logprobs);
    sequence.values.push(...piece.values ?? []);
    sequence.finishReason = piece.finishReason;
    if (silent.delete(work)) {
      const seconds = (performance.now() - work.arrivedAt) / 1000;
      metrics.observe("decorum_policy_first_token_seconds", seconds, {});
    }
    if (piece.finishReason ? !work.request.refLogprobs : work.request.stream) {
      work.results.send(nextChunk(sequence, undefined));
    }
  }
  for (const work of batch) {
    const own = growing.filter((sequence) => sequence.work === work);
    if (work.request.refLogprobs && !work.signal.aborted) {
      const refs = await refLogprobs(engine, own, signal);
      own.forEach((sequence, i) => work.results.send(nextChunk(sequence, refs[i])));
    }
  }
  const seconds = (performance.now() - began) / 1000;
  return counts(growing, seconds, metrics);
}

function newSequence(work: Work, row: Row): Growing {
  return { work, row, tokenIds: [], logprobs: [], values: [], sent: 0, finishReason: undefined };
}

async function refLogprobs(
  engine: Engine,
  sequences: readonly Growing[],
  signal: AbortSignal,
): Promise<readonly ArrayLike<number>[]> {
  const { start, weights, sampling, sharePrompts } = sequences[0]!.work.request;
  // The same weights give the same numbers: nothing is left to compute.
  if (start === weights) return sequences.map(({ logprobs }) => logprobs);
  const scored = sequences.map(({ row, tokenIds }) => ({ query: row.ids, response: tokenIds }));
  return await engine.logprobs(scored, sampling.temperature, start, { signal, sharePrompts });
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

/** Rows of the same key have the same prompt. */
export function promptKey({ ids }: Row): string {
  return ids.join();
}

function counts(sequences: readonly Growing[], seconds: number, metrics: Metrics): BatchCounts {
  const { weights, sharePrompts } = sequences[0]!.work.request;
  const rows = sequences.map(({ row }) => row);
  const encoded = sharePrompts
    ? [...new Map(rows.map((row) => [promptKey(row), row])).values()]
    : rows;
  const prompts = encoded.map(({ ids }) => ids.length);
  const responses = sequences.map(({ tokenIds }) => tokenIds.length);
  const sum = (lengths: readonly number[]) => lengths.reduce((a, b) => a + b, 0);
  const generated = sum(responses);
  const longest = Math.max(...responses);
  metrics.add("decorum_policy_generated_tokens_total", generated, {});
  metrics.add("decorum_policy_encoded_prompts_total", encoded.length, {});
  if (longest > 0) metrics.observe("decorum_policy_token_seconds", seconds / longest, {});
  const realTokens = sum(prompts) + generated;
  return {
    realTokens,
    paddingTokens: encoded.length * Math.max(...prompts) + sequences.length * longest - realTokens,
    attributes: {
      "decorum.batch.generated_tokens": generated,
      "decorum.batch.encoded_prompts": encoded.length,
      "decorum.weights": describeWeights(weights.label),
    },
  };
}
