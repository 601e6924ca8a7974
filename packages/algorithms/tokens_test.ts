import assert from "node:assert/strict";
import { checkTokens, joined, offsetsOf, partOf, sumPerSequence } from "./tokens.ts";

const parts = [Float32Array.of(1, 2), Float32Array.of(), Float32Array.of(6)];
const offsets = offsetsOf(parts.map(({ length }) => length));

Deno.test("parts are joined, and found again by their offsets", () => {
  assert.deepEqual(offsets, [0, 2, 2, 3]);
  const all = joined(parts);
  assert.deepEqual(all, Float32Array.of(1, 2, 6));
  parts.forEach((part, i) => assert.deepEqual(partOf(all, offsets, i), part));
  assert.deepEqual(sumPerSequence(all, offsets), [3, 0, 6]);
});

Deno.test("values of another length are named", () => {
  checkTokens({ logprobs: joined(parts) }, 3);
  assert.throws(
    () => checkTokens({ values: Float32Array.of(1) }, 3),
    /"values" has 1 numbers: expected 3, one for each token/,
  );
});
