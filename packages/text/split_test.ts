import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { splitRows } from "./split.ts";

const rows = Array.from({ length: 2000 }, (_, i) => ({ id: `${i}`, text: `text ${i % 500}` }));
const parts = { train: 0.8, validation: 0.1, test: 0.1 };

Deno.test("every row goes to one part, in order, near the shares", () => {
  const split = splitRows(rows, { parts, seed: 1 });
  const all = [...split.train, ...split.validation, ...split.test];
  assert.deepEqual(all.sort((a, b) => Number(a.id) - Number(b.id)), rows);
  // Five standard deviations of a binomial of 2000.
  for (const [name, share] of Object.entries(parts)) {
    const size = split[name as keyof typeof parts].length;
    assert.ok(Math.abs(size - 2000 * share) < 5 * Math.sqrt(2000 * share * (1 - share)), name);
  }
});

Deno.test("a row keeps its part when rows come, go or move", () => {
  const split = splitRows(rows, { parts, seed: 1 });
  const other = splitRows(rows.slice(0, 1000).reverse(), { parts, seed: 1 });
  const reordered = other.test.map(({ id, text }) => ({ text, id }));
  const known = new Set(split.test.map((row) => row.id));
  assert.ok(reordered.length > 0 && reordered.every((row) => known.has(row.id)));
  const again = splitRows(rows.map(({ id, text }) => ({ text, id })), { parts, seed: 1 });
  assert.deepEqual(again.test.map((row) => row.id), split.test.map((row) => row.id));
});

Deno.test("another seed gives another split", () => {
  const [a, b] = [1, 2].map((seed) => splitRows(rows, { parts, seed }).test);
  assert.notDeepEqual(a, b);
});

Deno.test("rows that are equal in the deciding column stay together", () => {
  const split = splitRows(rows, { parts: { a: 0.5, b: 0.5 }, seed: 3, by: "text" });
  const inA = new Set(split.a.map((row) => row.text));
  assert.ok(split.b.length > 0 && split.b.every((row) => !inA.has(row.text ?? "")));
});

Deno.test("shares that are no division, and a missing column, are refused", () => {
  const shares: Record<string, number>[] = [{ a: 0.5 }, { a: 1.5, b: -0.5 }, { a: NaN }, {}];
  for (const bad of shares) {
    assert.throws(() => splitRows(rows, { parts: bad, seed: 1 }), InputError);
  }
  assert.throws(() => splitRows(rows, { parts, seed: 1, by: "x" }), /the columns are "id", "text"/);
});
