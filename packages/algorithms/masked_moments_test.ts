import assert from "node:assert/strict";
import { float32, InputError } from "@decorum/tensor";
import { maskedMean, maskedVar, mean, meanOfSums, std, sumPerSequence } from "./masked_moments.ts";

const mask = float32([2, 3], [1, 1, 0, 1, 0, 0]);
const values = float32([2, 3], [1, 2, NaN, 6, Infinity, -1]);

Deno.test("mean and unbiased variance of 1, 2 and 6 are 3 and 7", () => {
  assert.equal(maskedMean(values, mask), 3);
  assert.equal(maskedVar(values, mask), 7);
});

Deno.test("sums are taken per sequence, then averaged", () => {
  assert.deepEqual(sumPerSequence(values, mask), Float64Array.of(3, 6));
  assert.equal(meanOfSums(values, mask), 4.5);
});

Deno.test("too few tokens are refused", () => {
  assert.throws(() => maskedMean(values, float32([2, 3], Array(6).fill(0))), /0 tokens/);
  assert.throws(() => maskedVar(values, float32([2, 3], [1, 0, 0, 0, 0, 0])), /at least 2/);
});

Deno.test("plain numbers", () => {
  assert.equal(mean([1, 2, 6]), 3);
  assert.equal(std([1, 2, 6]), Math.sqrt(7));
  assert.equal(std([4]), 0);
  assert.throws(() => mean([]), InputError);
});
