/**
 * Softmax of logits, or the sigmoid of a single one, computed in double precision.
 *
 * @returns as many numbers, each in [0, 1]
 */
export function probabilities(logits: ArrayLike<number>): number[] {
  if (logits.length === 1) return sigmoids(logits);
  const values = Array.from(logits);
  const largest = Math.max(...values);
  const powers = values.map((x) => Math.exp(x - largest));
  const sum = powers.reduce((total, x) => total + x, 0);
  return powers.map((x) => x / sum);
}

/** The sigmoid of each logit: labels that do not exclude each other. */
export function sigmoids(logits: ArrayLike<number>): number[] {
  return Array.from(logits, (x) => 1 / (1 + Math.exp(-x)));
}
