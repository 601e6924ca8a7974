import assert from "node:assert/strict";
import { microBatches } from "./micro_batches.ts";

Deno.test("like lengths come together, longest first; every item once", () => {
  assert.deepEqual(microBatches([3, 9, 4, 8, 1], 2), [[1, 3], [2, 0], [4]]);
});

Deno.test("items of no tokens are in no micro-batch", () => {
  assert.deepEqual(microBatches([0, 5, 0], 4), [[1]]);
  assert.deepEqual(microBatches([], 4), []);
});

Deno.test("a size of 0 or a fraction is refused", () => {
  assert.throws(() => microBatches([1], 0), RangeError);
  assert.throws(() => microBatches([1], 1.5), RangeError);
});
