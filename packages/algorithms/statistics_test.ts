import assert from "node:assert/strict";
import { InputError } from "@decorum/tensor";
import { mean, std, variance } from "./statistics.ts";

Deno.test("mean and unbiased variance of 1, 2 and 6 are 3 and 7", () => {
  assert.deepEqual([mean([1, 2, 6]), variance([1, 2, 6]), std([1, 2, 6])], [3, 7, Math.sqrt(7)]);
  assert.equal(std([4]), 0);
  assert.throws(() => mean([]), InputError);
});
