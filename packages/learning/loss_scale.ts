import type { WeightsOptions } from "@decorum/models";

/**
 * The scale that gradients are computed at. In float16 a mean over tokens gives cotangents below its smallest
 * numbers (6e-8, in full precision 6e-5), while the largest are near 1 and may grow to 65504. An update whose
 * gradients overflow all the same is skipped and counted, like any that is not finite.
 *
 * bfloat16 has float32's range and needs none.
 */
export function lossScaleOf({ computeType }: WeightsOptions): number {
  return computeType === "float16" ? 2 ** 12 : 1;
}
