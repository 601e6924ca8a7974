import { InputError } from "@decorum/tensor";
/** A ratio of two ways to do the same, over pairs of runs. */
export interface RatioInterval {
  readonly pairs: number;
  /** Geometric mean of the pairs' ratios. */
  readonly ratio: number;
  /** 95 % confidence interval of it, Student's t on the logarithms. */
  readonly low: number;
  readonly high: number;
}

/**
 * The interval of `a / b` over pairs.
 *
 * @throws InputError for fewer than two pairs
 */
export function ratioInterval(
  pairs: readonly (readonly [a: number, b: number])[],
): RatioInterval {
  const n = pairs.length;
  if (n < 2) throw new InputError(`Cannot tell an interval from ${n} pairs: expected 2 or more`);
  const logs = pairs.map(([a, b]) => Math.log(a / b));
  const mean = logs.reduce((sum, x) => sum + x, 0) / n;
  const variance = logs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1);
  const half = studentQuantile975(n - 1) * Math.sqrt(variance / n);
  return {
    pairs: n,
    ratio: Math.exp(mean),
    low: Math.exp(mean - half),
    high: Math.exp(mean + half),
  };
}

/** Quantiles of Student's t at 0.975 for 1 to 10 degrees of freedom (any table of it). */
const few = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/** From 11 on, the series of Cornish and Fisher around the normal quantile; right to 0.001. */
function studentQuantile975(df: number): number {
  const found = few[df - 1];
  if (found !== undefined) return found;
  const z = 1.959963985;
  const g1 = (z ** 3 + z) / 4;
  const g2 = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  const g3 = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384;
  return z + g1 / df + g2 / df ** 2 + g3 / df ** 3;
}
