import { clip, exp, max, mul, neg, type Value } from "@decorum/onnx";

/** How far a ratio may go in either direction before its gain is cut off. */
export interface SurrogateClip {
  readonly low: number;
  readonly high: number;
  /** Limit on the logarithm of the ratio before `exp`; default none. */
  readonly logRatioClamp?: number | undefined;
}

/**
 * `max(-A ratio, -A clip(ratio, 1 - low, 1 + high))`, element by element (Schulman et al. 2017).
 *
 * @param difference logarithm of the ratio: log-probability now less that of the rollout
 */
export function clippedSurrogate(
  difference: Value,
  advantages: Value,
  { low, high, logRatioClamp }: SurrogateClip,
): Value {
  const logRatio = logRatioClamp === undefined
    ? difference
    : clip(difference, -logRatioClamp, logRatioClamp);
  const ratio = exp(logRatio);
  const gain = neg(advantages);
  return max(mul(gain, ratio), mul(gain, clip(ratio, 1 - low, 1 + high)));
}
