import assert from "node:assert/strict";
import fc from "fast-check";
import { float32 } from "@decorum/tensor";
import { maskedMean, maskedVar } from "./masked_moments.ts";
import { responseMask } from "./masks.ts";
import { whiten } from "./whiten.ts";

Deno.test("1, 3 and 5 become -1, 0 and 1; with the mean kept 2, 3 and 4", () => {
  const values = float32([1, 4], [1, 3, 5, 100]);
  const mask = responseMask([3], 4);
  assert.deepEqual([...whiten(values, mask).data.slice(0, 3)], [-1, 0, 1]);
  const kept = whiten(values, mask, { shiftMean: false });
  assert.deepEqual([...kept.data.slice(0, 3)], [2, 3, 4]);
});

Deno.test("whitened values have mean 0 and variance 1 over the mask", () => {
  const numbers = fc.array(fc.float({ min: -50, max: 50, noNaN: true }), {
    minLength: 4,
    maxLength: 30,
  }).filter((xs) => Math.max(...xs.slice(0, -1)) - Math.min(...xs.slice(0, -1)) > 0.1);
  fc.assert(fc.property(numbers, (xs) => {
    const mask = responseMask([xs.length - 1], xs.length);
    const white = whiten(float32([1, xs.length], xs), mask);
    assert.ok(Math.abs(maskedMean(white, mask)) < 1e-5);
    assert.ok(Math.abs(maskedVar(white, mask) - 1) < 1e-4);
  }));
});

Deno.test("equal values become 0, not NaN", () => {
  const white = whiten(float32([1, 2], [7, 7]), responseMask([2]));
  assert.deepEqual(white, float32([1, 2], [0, 0]));
});

Deno.test("a batch of one token is refused", () => {
  assert.throws(() => whiten(float32([1, 2], [1, 2]), responseMask([1], 2)), {
    name: "InputError",
    message: /variance over 1 token\(s\): expected at least 2/,
  });
});
