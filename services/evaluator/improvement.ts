import { InputError, randomKey, uniforms } from "@decorum/tensor";

/** A confidence interval in the unit of its estimate. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * By how much a mean fell: `100 (before - after) / before`, positive where `after` is less.
 *
 * @returns percent; undefined where `before` is 0
 */
export function improvementPct(before: number, after: number): number | undefined {
  return before === 0 ? undefined : 100 * (before - after) / before;
}

/** The same with its sign in words, as "74.2 % less toxic". */
export function describeImprovement(percent: number | undefined): string {
  if (percent === undefined) return "not defined: toxicity before is 0";
  if (percent === 0) return "no change";
  return `${Math.abs(percent).toFixed(1)} % ${percent > 0 ? "less" : "more"} toxic`;
}

/**
 * Percentile bootstrap 95 % interval of {@link improvementPct} of the means (Efron, Tibshirani, "An introduction
 * to the bootstrap", 1993, ch. 13). Pairs are drawn together, so what both sides share cancels out.
 *
 * @param before values of one side; `after` those of the other, of the same prompts in the same order
 * @param seed of the draws: the same numbers in, the same interval out
 * @returns undefined where a resample's mean of `before` is 0
 * @throws InputError for sides of different lengths, no pairs, or no samples
 */
export function bootstrapImprovement(
  before: ArrayLike<number>,
  after: ArrayLike<number>,
  { samples, seed }: { readonly samples: number; readonly seed: number },
): Interval | undefined {
  const n = before.length;
  if (n === 0 || after.length !== n || !(samples >= 1)) {
    throw new InputError(
      `Cannot resample ${n} values before and ${after.length} after ${samples} times: expected pairs`,
    );
  }
  const key = randomKey(seed, "bootstrap");
  const found = new Float64Array(samples);
  for (let s = 0; s < samples; s++) {
    const draws = uniforms(key, s * n, n);
    let sumBefore = 0;
    let sumAfter = 0;
    for (let i = 0; i < n; i++) {
      const pair = Math.floor(draws[i]! * n);
      sumBefore += before[pair]!;
      sumAfter += after[pair]!;
    }
    const percent = improvementPct(sumBefore, sumAfter);
    if (percent === undefined) return undefined;
    found[s] = percent;
  }
  found.sort();
  return { low: quantile(found, 0.025), high: quantile(found, 0.975) };
}

/** Quantile of sorted values, linear between neighbours (numpy's default). */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const a = sorted[low]!;
  const b = sorted[Math.min(low + 1, sorted.length - 1)]!;
  return a + (at - low) * (b - a);
}
