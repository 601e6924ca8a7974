import {
  add,
  and,
  cast,
  clip,
  exp,
  greater,
  less,
  max,
  mul,
  neg,
  reduceMean,
  type Value,
} from "@decorum/onnx";

/** How far a ratio may go in either direction before its gain is cut off. */
export interface RatioClip {
  readonly low: number;
  readonly high: number;
  /** Limit on the logarithm of the ratio before `exp`; null: none. */
  readonly log_ratio_clamp: number | null;
}

/** The clipped loss of tokens or of whole responses, and which of them were cut off: `[n]` each. */
export interface ClippedRatio {
  readonly loss: Value;
  /** The clipped loss is the larger. */
  readonly clipped: Value;
  /** The ratio is below its range, where a lower one would be a gain, or above it, where a higher one would be. */
  readonly below: Value;
  readonly above: Value;
}

/**
 * `max(-A ratio, -A clip(ratio, 1 - low, 1 + high))`, element by element (Schulman et al. 2017).
 *
 * @param difference logarithm of the ratio: log-probability now less that of the rollout
 */
export function clippedRatio(
  difference: Value,
  advantages: Value,
  { low, high, log_ratio_clamp: clamp }: RatioClip,
): ClippedRatio {
  const logRatio = clamp === null ? difference : clip(difference, -clamp, clamp);
  const ratio = exp(logRatio);
  const gain = neg(advantages);
  const free = mul(gain, ratio);
  const bounded = mul(gain, clip(ratio, 1 - low, 1 + high));
  return {
    loss: max(free, bounded),
    clipped: greater(bounded, free),
    below: and(less(ratio, 1 - low), less(advantages, 0)),
    above: and(greater(ratio, 1 + high), greater(advantages, 0)),
  };
}

export const square = (x: Value): Value => mul(x, x);

/** Mean of values `[n]`. */
export function meanOf(values: Value): Value {
  return reduceMean(values, [0], false);
}

/** Share of `[n]` that is true. */
export function shareOf(condition: Value): Value {
  return meanOf(cast(condition, "float32"));
}

/**
 * How far the policy is from the one that rolled out: `approxkl`, 0.5 (new - old)^2, and `policykl`, old - new, of each
 * token in nats.
 */
export function policyShift(
  difference: Value,
): { readonly approxkl: Value; readonly policykl: Value } {
  return { approxkl: mul(square(difference), 0.5), policykl: neg(difference) };
}

/** Shares of ratios that were cut off below, above, and at all; scalars under TRL's names. */
export function clipStatistics({ below, above }: ClippedRatio): Record<string, Value> {
  const [low, high] = [shareOf(below), shareOf(above)];
  const both = add(low, high);
  return {
    "ppo/policy/clipfrac": both,
    "clip_ratio/low_mean": low,
    "clip_ratio/high_mean": high,
    "clip_ratio/region_mean": both,
  };
}
