import type { Context } from "@opentelemetry/api";
import type { EncodedItem, TextClassifier } from "@decorum/scoring";

/** What the engine needs of a classifier. */
export type ScoringModel = Pick<TextClassifier, "alive" | "logits" | "packed" | "reload">;

/** What a caller wants scored. */
export interface ScoringRequest {
  /** The classifier whose tokenizer made the items: no other may run them. */
  readonly model: ScoringModel;
  readonly items: readonly EncodedItem[];
  /** True: one batch, as it is: never merged with other requests nor split. */
  readonly asSent: boolean;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly deadline: number;
}

/** What a request came to. */
export interface ScoringAnswer {
  /** `[labels]` for each item, in order. */
  readonly logits: readonly Float32Array[];
  /** Milliseconds from its entry to its first batch. */
  readonly queuedMs: number;
  /** Milliseconds from there to the end of its last one. */
  readonly inferenceMs: number;
}

/** A request on its way. */
export interface ScoringJob {
  readonly request: ScoringRequest;
  /** The caller's trace. */
  readonly context: Context;
  readonly settle: (
    outcome: { readonly answer: ScoringAnswer } | { readonly error: unknown },
  ) => void;
  /** Logits of the items that are done. */
  readonly logits: (Float32Array | undefined)[];
  /** When its first batch began, in milliseconds of `performance.now()`. */
  startedAt: number | undefined;
}

/** What goes into a batch whole: an item, or a group that is executed as sent. */
export interface Unit {
  readonly job: ScoringJob;
  /** Positions of its items in the request. */
  readonly indices: readonly number[];
  readonly items: readonly EncodedItem[];
  readonly longest: number;
  /** Milliseconds of `performance.now()`. */
  readonly queuedAt: number;
}

/** A job's units. */
export function unitsOf(job: ScoringJob, queuedAt: number): Unit[] {
  const { items, asSent } = job.request;
  const unit = (indices: readonly number[]): Unit => {
    const own = indices.map((i) => items[i]!);
    return { job, indices, items: own, longest: longestOf(own), queuedAt };
  };
  const all = items.map((_, i) => i);
  return asSent ? [unit(all)] : all.map((i) => unit([i]));
}

/** Positions that units take when padded to one length. */
export function paddedTokens(units: readonly Pick<Unit, "items" | "longest">[]): number {
  const count = units.reduce((sum, { items }) => sum + items.length, 0);
  return count * units.reduce((most, { longest }) => Math.max(most, longest), 0);
}

/** The same for a request as it would wait. */
export function waitingTokens({ items, asSent }: Pick<ScoringRequest, "items" | "asSent">): number {
  return asSent
    ? items.length * longestOf(items)
    : items.reduce((sum, { ids }) => sum + ids.length, 0);
}

function longestOf(items: readonly EncodedItem[]): number {
  return items.reduce((most, { ids }) => Math.max(most, ids.length), 0);
}
