import { add, clip, gather, transpose, type Value } from "@decorum/onnx";
import { int64, type Tensor } from "@decorum/tensor";

/**
 * T5's bucket of every relative position from -maxDistance to maxDistance, in float32 steps as
 * transformers computes it (`T5Attention._relative_position_bucket`). Farther positions share the bucket
 * of the last, so a clipped position looks up the right one.
 *
 * @returns `[2 * maxDistance + 1]`, index = key position - query position + maxDistance
 */
export function relativePositionBuckets(
  buckets: number,
  maxDistance: number,
  bidirectional: boolean,
): Tensor<"int64"> {
  const half = bidirectional ? buckets >> 1 : buckets;
  const maxExact = half >> 1;
  const f = Math.fround;
  const bucket = (relative: number): number => {
    const distance = bidirectional ? Math.abs(relative) : Math.max(-relative, 0);
    const base = bidirectional && relative > 0 ? half : 0;
    if (distance < maxExact) return base + distance;
    const log = f(Math.log(f(distance / maxExact)));
    const scaled = f(f(log / f(Math.log(maxDistance / maxExact))) * (half - maxExact));
    return base + Math.min(maxExact + Math.trunc(scaled), half - 1);
  };
  const positions = Array.from({ length: 2 * maxDistance + 1 }, (_, i) => i - maxDistance);
  return int64([positions.length], positions.map(bucket));
}

/**
 * The learned bias of each head and relative position.
 *
 * @param weight `relative_attention_bias.weight` `[buckets, heads]`
 * @param relative `[query, key]`
 * @returns `[heads, query, key]`
 */
export function positionBias(
  weight: Value,
  relative: Value,
  maxDistance: number,
  bidirectional: boolean,
): Value {
  const buckets = weight.shape[0];
  if (typeof buckets !== "number") throw new Error("internal: the number of buckets is not static");
  const table = relative.graph.constant(
    relativePositionBuckets(buckets, maxDistance, bidirectional),
  );
  const byPosition = gather(transpose(weight, [1, 0]), table, 1); // [heads, 2 * maxDistance + 1]
  const index = add(clip(relative, -maxDistance, maxDistance), maxDistance);
  return gather(byPosition, index, 1);
}
