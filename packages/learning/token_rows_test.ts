import assert from "node:assert/strict";
import { float32 } from "@decorum/tensor";
import { countedTokens, joinRows, splitRows } from "./token_rows.ts";

const sequences = [
  { query: [1], response: [5, 6, 7], mask: [false, true, true] },
  { query: [1], response: [8] },
];
const rows = [Float32Array.of(1, 2), Float32Array.of(3)];

Deno.test("tokens of the mask count", () => {
  assert.deepEqual(sequences.map(countedTokens), [2, 1]);
});

Deno.test("rows are joined into one feed and split again", () => {
  assert.deepEqual(joinRows(rows), float32([3], [1, 2, 3]));
  assert.deepEqual(splitRows(joinRows(rows), [2, 1]), rows);
  assert.deepEqual(joinRows([]), float32([0], []));
});
