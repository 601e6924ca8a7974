import { InputError } from "@decorum/tensor";
import type { LoopSettings } from "./settings.ts";

/** Mean and variance of all scores seen so far; plain JSON, so it is saved as it is. */
export interface RunningMoments {
  readonly mean: number;
  /** Population variance (divided by N). */
  readonly var: number;
  readonly count: number;
}

/** No score seen yet. */
export const emptyMoments: RunningMoments = { mean: 0, var: 1, count: 0 };

/** Settings of the scores' shaping. */
export type ShapingSettings = Pick<
  LoopSettings,
  "use_score_scaling" | "use_score_norm" | "score_clip" | "missing_eos_penalty"
>;

/** Added to the standard deviation before dividing: float32's epsilon, as TRL does. */
const STD_EPSILON = 2 ** -23;

/**
 * Scores as the algorithms take them, in TRL's order: divided by their running deviation (`use_score_scaling`) and centred
 * (`use_score_norm`), limited to `[-score_clip, score_clip]`, then less `missing_eos_penalty` where a response does not end. In
 * float32, as a reward model gives them.
 *
 * @param raw `[sequences]` @param hasEos whether each response ended by itself
 * @throws InputError when a score is not finite
 */
export function shapeScores(
  raw: readonly number[],
  hasEos: readonly boolean[],
  moments: RunningMoments,
  settings: ShapingSettings,
): { readonly scores: number[]; readonly moments: RunningMoments } {
  checkScores(raw, hasEos.length);
  let scores = Float32Array.from(raw);
  let next = moments;
  if (settings.use_score_scaling) {
    next = updateMoments(moments, scores);
    const shift = settings.use_score_norm ? next.mean : 0;
    const scale = runningStd(next) + STD_EPSILON;
    scores = scores.map((score) => (score - shift) / scale);
  }
  const { score_clip: limit, missing_eos_penalty: penalty } = settings;
  if (limit !== null) scores = scores.map((score) => Math.min(limit, Math.max(-limit, score)));
  if (penalty !== null) scores = scores.map((score, i) => hasEos[i] ? score : score - penalty);
  return { scores: [...scores], moments: next };
}

/**
 * The moments after `values` too, by Chan's parallel formula, as TRL's `RunningMoments.update`
 * (which starts from a count of 1e-24 instead of 0).
 */
export function updateMoments(moments: RunningMoments, values: ArrayLike<number>): RunningMoments {
  const n = values.length;
  if (n === 0) return moments;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += values[i]!;
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

/** @throws InputError when there is not one finite score for each of `count` responses */
export function checkScores(scores: readonly number[], count: number): void {
  if (scores.length !== count) {
    throw new InputError(
      `Cannot learn from ${scores.length} scores: expected ${count}, one for each response`,
    );
  }
  const bad = scores.findIndex((score) => !Number.isFinite(score));
  if (bad < 0) return;
  throw new InputError(
    `The score of response ${bad} is ${
      scores[bad]
    }: expected a finite number; look at the reward model`,
  );
}
