import type { Context } from "@opentelemetry/api";
import type { Prompt, SamplingParams } from "@decorum/generation";
import type { Channel } from "./channel.ts";
import type { HeldWeights } from "./weights.ts";

/** One sequence to complete. */
export interface Row extends Prompt {
  readonly key: string;
}

/** A request as the service understood it; everything in it has been checked. */
export interface GenerationRequest {
  readonly rows: readonly Row[];
  /** For greedy decoding temperature 1, no top-k, no top-p. */
  readonly sampling: SamplingParams;
  readonly weights: HeldWeights;
  /** What the reference log-probabilities are of. */
  readonly start: HeldWeights;
  /** True: one batch, as it is. */
  readonly asSent: boolean;
  /** True: tokens as they are made. */
  readonly stream: boolean;
  readonly refLogprobs: boolean;
}

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

/** Rows of one request that run in one batch: all of them, or a part of a large one. */
export interface Work {
  readonly request: GenerationRequest;
  readonly rows: readonly Row[];
  readonly results: Channel<TokenChunk>;
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly deadline: number;
  /** The caller's trace. */
  readonly context: Context;
  /** Milliseconds of `performance.now()`. */
  readonly queuedAt: number;
}

/** Positions that rows take when padded to one length: prompts and new tokens. */
export function paddedTokens(rows: readonly Row[]): number {
  const longest = Math.max(...rows.map(({ ids }) => ids.length));
  return rows.length * (longest + Math.max(...rows.map(({ maxNewTokens }) => maxNewTokens)));
}
