import { randomKey, uniforms } from "@decorum/tensor";

const RESAMPLES = 2000;

/**
 * The fall of a mean, in percent of where it was, with its paired bootstrap 95 % interval (percentiles of
 * 2000 resamples of the pairs, from a fixed seed).
 */
export function pairedInterval(before: readonly number[], after: readonly number[]) {
  const n = before.length;
  const draws = uniforms(randomKey(0, "bootstrap"), 0, RESAMPLES * n);
  const fall = (row: (i: number) => number) => {
    let [b, a] = [0, 0];
    for (let i = 0; i < n; i++) {
      b += before[row(i)]!;
      a += after[row(i)]!;
    }
    return 100 * (b - a) / b;
  };
  const falls = Array.from(
    { length: RESAMPLES },
    (_, r) => fall((i) => Math.floor(draws[r * n + i]! * n)),
  ).sort((x, y) => x - y);
  const mean = (xs: readonly number[]) => xs.reduce((sum, x) => sum + x, 0) / n;
  return {
    before: mean(before),
    after: mean(after),
    improvement: fall((i) => i),
    low: falls[Math.floor(0.025 * RESAMPLES)]!,
    high: falls[Math.floor(0.975 * RESAMPLES)]!,
  };
}
