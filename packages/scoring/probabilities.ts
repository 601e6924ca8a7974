import type { ClassifierConfig } from "@decorum/models";

/**
 * What logits stand for, as transformers decides it (`TextClassificationPipeline.postprocess`): the numbers themselves
 * for a regression, sigmoids for labels that do not exclude each other and for a single label, else their softmax.
 * Computed in double precision.
 *
 * @param logits of one text, `[labels]`
 * @returns as many numbers; in [0, 1] but for a regression
 */
export function probabilities(
  { problem_type }: Pick<ClassifierConfig, "problem_type">,
  logits: ArrayLike<number>,
): number[] {
  const values = Array.from(logits);
  if (problem_type === "regression") return values;
  if (problem_type === "multi_label_classification" || values.length === 1) {
    return values.map((x) => 1 / (1 + Math.exp(-x)));
  }
  const largest = Math.max(...values);
  const powers = values.map((x) => Math.exp(x - largest));
  const sum = powers.reduce((total, x) => total + x, 0);
  return powers.map((x) => x / sum);
}
