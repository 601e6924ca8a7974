import assert from "node:assert/strict";
import { numpyPermutations } from "./numpy_permutation.ts";

// numpy 2.4.6: np.random.seed(0); [np.random.permutation(6) for _ in range(3)]
Deno.test("permutations are numpy's, drawn one after another", () => {
  const next = numpyPermutations(0);
  assert.deepEqual([next(6), next(6), next(6)], [
    [5, 2, 1, 3, 0, 4],
    [1, 3, 4, 0, 2, 5],
    [3, 5, 1, 2, 4, 0],
  ]);
});

Deno.test("a permutation longer than the generator's state holds every number once", () => {
  const order = numpyPermutations(4294967295)(2000);
  assert.deepEqual(order.toSorted((a, b) => a - b), Array.from({ length: 2000 }, (_, i) => i));
});
