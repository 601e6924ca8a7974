import { InputError } from "@decorum/tensor";
import { rouge } from "@decorum/text";

/** Means of ROUGE F-measures. */
export interface RougeMeans {
  readonly rouge1: number;
  readonly rouge2: number;
  readonly rougeL: number;
}

/**
 * Means of ROUGE-1, 2 and L (F-measure, no stemming: what the package `rouge-score` does by default) over the
 * responses that have a reference.
 *
 * @returns undefined where none has one
 */
export function rougeMeans(
  responses: readonly string[],
  references: readonly (string | undefined)[],
): RougeMeans | undefined {
  const scores = responses.flatMap((response, i) => {
    const reference = references[i];
    return reference === undefined ? [] : [rouge(response, reference)];
  });
  if (scores.length === 0) return undefined;
  const mean = (kind: keyof RougeMeans) =>
    scores.reduce((sum, score) => sum + score[kind].fmeasure, 0) / scores.length;
  return { rouge1: mean("rouge1"), rouge2: mean("rouge2"), rougeL: mean("rougeL") };
}

/** Log-probabilities of one sampled sequence, token by token, under two models. */
export interface SequenceLogprobs {
  readonly logprobs: ArrayLike<number>;
  readonly refLogprobs: ArrayLike<number>;
}

/**
 * KL divergence of a policy to its reference in nats a sequence, estimated on the policy's own samples: the mean of
 * `sum_t (log p(y_t) - log p_ref(y_t))` (Schulman, "Approximating KL divergence", 2020, estimator k1).
 *
 * @throws InputError for no sequences, or log-probabilities that are not parallel
 */
export function sequenceKl(sequences: readonly SequenceLogprobs[]): number {
  if (sequences.length === 0) {
    throw new InputError("Cannot estimate a KL divergence on 0 sequences: expected at least one");
  }
  let total = 0;
  for (const [i, { logprobs, refLogprobs }] of sequences.entries()) {
    if (logprobs.length !== refLogprobs.length) {
      throw new InputError(
        `Cannot estimate a KL divergence: sequence ${i} has ${logprobs.length} log-probabilities and ${refLogprobs.length} of the reference`,
      );
    }
    for (let t = 0; t < logprobs.length; t++) total += logprobs[t]! - refLogprobs[t]!;
  }
  return total / sequences.length;
}

/** `count` indices of 0 to `length - 1`, spread evenly, ascending; all where there are not more. */
export function spread(length: number, count: number): number[] {
  const n = Math.min(length, count);
  return Array.from({ length: n }, (_, i) => Math.floor(i * length / n));
}
