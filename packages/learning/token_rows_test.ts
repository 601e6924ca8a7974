import assert from "node:assert/strict";
import { float32 } from "@decorum/tensor";
import { countedTokens, denseRows, joinRows, maskOf, sparseRows, splitRows } from "./token_rows.ts";

const sequences = [
  { query: [1], response: [5, 6, 7], mask: [false, true, true] },
  { query: [1], response: [8] },
];
const rows = [Float32Array.of(1, 2), Float32Array.of(3)];

Deno.test("values of counted tokens lie at their positions", () => {
  assert.deepEqual(sequences.map(countedTokens), [2, 1]);
  assert.deepEqual(maskOf(sequences), float32([2, 3], [0, 1, 1, 1, 0, 0]));
  const dense = denseRows(sequences, rows);
  assert.deepEqual(dense, float32([2, 3], [0, 1, 2, 3, 0, 0]));
  assert.deepEqual(sparseRows(sequences, dense), rows);
});

Deno.test("rows are joined into one feed and split again", () => {
  assert.deepEqual(joinRows(rows), float32([3], [1, 2, 3]));
  assert.deepEqual(splitRows(joinRows(rows), [2, 1]), rows);
  assert.deepEqual(joinRows([]), float32([0], []));
});
