import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { microBatches } from "./micro_batches.ts";

Deno.test("like lengths come together, longest first; every item once", () => {
  assert.deepEqual(microBatches([33, 209, 44, 198, 20], 2), [[1, 3], [2, 0], [4]]);
  assert.deepEqual(microBatches([33, 209, 44, 198, 20], 4), [[1, 3], [2, 0, 4]]);
});

Deno.test("a long query and a long response are not padded to each other", () => {
  assert.deepEqual(microBatches([[200, 20], [100, 120]], 2), [[0], [1]]);
});

Deno.test("items of no tokens are in no micro-batch", () => {
  assert.deepEqual(microBatches([0, 5, 0], 4), [[1]]);
  assert.deepEqual(microBatches([[0, 0], [3, 2]], 4), [[1]]);
  assert.deepEqual(microBatches([], 4), []);
});

Deno.test("a size of 0 or a fraction is refused", () => {
  assert.throws(() => microBatches([1], 0), InputError);
  assert.throws(() => microBatches([1], 1.5), InputError);
});
