import type { Value } from "@decorum/onnx";
import { type ClippedRatio, policyShift, shareOf } from "./clipped_ratio.ts";
import { add } from "@decorum/onnx";

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

/** Statistics that are means over tokens. @param mean of `[tokens]` */
export function tokenStatistics(
  difference: Value,
  entropy: Value,
  mean: (tokens: Value) => Value,
): Record<string, Value> {
  const { approxkl, policykl } = policyShift(difference);
  return {
    "ppo/policy/entropy": mean(entropy),
    "ppo/policy/approxkl": mean(approxkl),
    "ppo/policy/policykl": mean(policykl),
  };
}
