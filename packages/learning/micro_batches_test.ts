import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { microBatches, sharedMicroBatches } from "./micro_batches.ts";

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

Deno.test("what is shared stays together: whole groups in a run, as many items of each", () => {
  const items = (groups: Readonly<Record<string, number>>) =>
    Object.entries(groups).flatMap(([name, count]) => Array<string>(count).fill(name));
  const cut = (names: readonly string[], size: number) =>
    sharedMicroBatches(names.map((name) => [10, name === "x" ? 0 : 3]), names, size);
  assert.deepEqual(cut(items({ a: 2, b: 2, c: 2 }), 4), [[0, 1, 2, 3], [4, 5]]);
  assert.deepEqual(cut(["a", "b", "a", "b"], 8), [[0, 2, 1, 3]], "wherever its items stand");
  assert.deepEqual(cut(items({ a: 3, b: 1, c: 3 }), 6), [[0, 1, 2, 4, 5, 6], [3]]);
  assert.deepEqual(cut(items({ a: 5 }), 2), [[0, 1], [2, 3], [4]], "a group over the size is cut");
});

Deno.test("items of no tokens are in no shared micro-batch either; a cut group has its longest together", () => {
  const lengths = [[4, 1], [4, 9], [], [4, 8], [4, 2]];
  const names = ["a", "a", "a", "a", "a"];
  assert.deepEqual(sharedMicroBatches(lengths, names, 2), [[1, 3], [4, 0]]);
});
