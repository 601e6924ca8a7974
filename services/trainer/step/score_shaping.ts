import {
  clipScores,
  normalizeScores,
  penalizeMissingEos,
  type RunningMoments,
} from "@decorum/algorithms";
import { float32 } from "@decorum/tensor";
import type { LoopConfig } from "@decorum/settings";

/** Settings of the scores' shaping. */
export type ShapingConfig = Pick<
  LoopConfig,
  "use_score_scaling" | "use_score_norm" | "score_clip" | "missing_eos_penalty"
>;

/**
 * Scores as the algorithms take them, in TRL's order: scaled by their running deviation (and centred), clipped, then the
 * penalty for responses that do not end.
 *
 * @param hasEos whether each response ended by itself
 */
export function shapeScores(
  raw: readonly number[],
  hasEos: readonly boolean[],
  moments: RunningMoments,
  config: ShapingConfig,
): { readonly scores: number[]; readonly moments: RunningMoments } {
  let scores = float32([raw.length], raw);
  let next = moments;
  if (config.use_score_scaling) {
    const kind = config.use_score_norm ? "norm" : "scale";
    ({ scores, moments: next } = normalizeScores(scores, moments, kind));
  }
  if (config.score_clip !== null) scores = clipScores(scores, config.score_clip);
  if (config.missing_eos_penalty !== null) {
    scores = penalizeMissingEos(scores, hasEos, config.missing_eos_penalty);
  }
  return { scores: [...scores.data], moments: next };
}
