import { InputError } from "@decorum/tensor";
/** Mean and variance of all scores seen so far; plain JSON, so it is saved as it is. */
export interface RunningMoments {
  readonly mean: number;
  /** Population variance (divided by N). */
  readonly var: number;
  readonly count: number;
}

/** No score seen yet. */
export const emptyMoments: RunningMoments = { mean: 0, var: 1, count: 0 };

/**
 * The moments after `values` too, by Chan's parallel formula, as TRL's `RunningMoments.update`
 * (which starts from a count of 1e-24 instead of 0).
 *
 * @throws InputError when a value is not finite
 */
export function updateMoments(moments: RunningMoments, values: ArrayLike<number>): RunningMoments {
  const n = values.length;
  if (n === 0) return moments;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += values[i]!;
  if (!Number.isFinite(sum)) {
    throw new InputError(`Cannot take ${n} scores into the running moments: one is not finite`);
  }
  const batchMean = sum / n;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (values[i]! - batchMean) ** 2;
  const count = moments.count + n;
  const delta = batchMean - moments.mean;
  const between = delta ** 2 * moments.count * n / count;
  return {
    mean: moments.mean + delta * n / count,
    var: (moments.var * moments.count + squares + between) / count,
    count,
  };
}

/** Unbiased standard deviation; 1 until two scores are seen (TRL divides 0 by 0 there). */
export function runningStd({ var: variance, count }: RunningMoments): number {
  return count < 2 ? 1 : Math.sqrt(variance * count / (count - 1));
}
