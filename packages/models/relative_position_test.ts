import assert from "node:assert/strict";
import { relativePositionBuckets } from "./relative_position.ts";

/** The bucket of `key position - query position`. */
function bucketOf(bidirectional: boolean, buckets = 32, maxDistance = 128) {
  const { data } = relativePositionBuckets(buckets, maxDistance, bidirectional);
  assert.equal(data.length, 2 * maxDistance + 1);
  return (relative: number) => Number(data[relative + maxDistance]);
}

/** First distance of each bucket from `maxExact` on: maxExact (maxDistance / maxExact)^(k / (half - maxExact)). */
const starts = (maxExact: number, half: number, maxDistance: number) =>
  Array.from({ length: half - maxExact }, (_, k) => {
    const at = maxExact * (maxDistance / maxExact) ** (k / (half - maxExact));
    return Math.ceil(at - 1e-9);
  });

Deno.test("encoder buckets: 8 exact distances each way, then 8 that grow by sqrt(2)", () => {
  const bucket = bucketOf(true);
  // 8 * 16^(k/8) = 8 * 2^(k/2)
  assert.deepEqual(starts(8, 16, 128), [8, 12, 16, 23, 32, 46, 64, 91]);
  for (const [distance, expected] of [[0, 0], [1, 1], [7, 7], [8, 8], [11, 8], [12, 9]] as const) {
    assert.equal(bucket(-distance), expected, `${-distance}`);
    assert.equal(bucket(distance), distance === 0 ? 0 : 16 + expected, `${distance}`);
  }
  starts(8, 16, 128).forEach((first, k) => {
    if (k > 0) assert.equal(bucket(-first + 1), 7 + k);
    assert.equal(bucket(-first), 8 + k);
    assert.equal(bucket(first), 24 + k);
  });
  assert.deepEqual([bucket(-128), bucket(128)], [15, 31]);
});

Deno.test("decoder buckets: the future shares bucket 0, 16 exact distances, then 16 that grow by 2^(3/16)", () => {
  const bucket = bucketOf(false);
  assert.deepEqual([bucket(1), bucket(128), bucket(0)], [0, 0, 0]);
  for (let distance = 0; distance < 16; distance++) assert.equal(bucket(-distance), distance);
  const first = starts(16, 32, 128);
  assert.deepEqual(first, [16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113]);
  first.forEach((distance, k) => {
    if (k > 0) assert.equal(bucket(-distance + 1), 15 + k);
    assert.equal(bucket(-distance), 16 + k);
  });
  assert.equal(bucket(-128), 31);
});

Deno.test("an odd number of buckets and a short maximum keep every bucket in range", () => {
  for (const bidirectional of [true, false]) {
    const { data } = relativePositionBuckets(11, 7, bidirectional);
    assert.ok(data.every((b) => b >= 0n && b < 11n));
  }
});
