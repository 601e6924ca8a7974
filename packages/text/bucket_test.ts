import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import fc from "fast-check";
import { bucketByLength, cutByLength, groupByLength } from "./bucket.ts";

Deno.test("rows of like length share a batch", () => {
  const lengths = [1, 8, 2, 8, 3];
  const batches = bucketByLength(lengths, { maxPositions: 16 });
  assert.deepEqual(batches, [[1, 3], [4, 2, 0]]);
  assert.deepEqual(bucketByLength(lengths, { maxPositions: 16, maxRows: 2 }), [[1, 3], [4, 2], [
    0,
  ]]);
  assert.deepEqual(bucketByLength([], { maxPositions: 16 }), []);
});

Deno.test("buckets hold every row once, within the bounds", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }),
    fc.integer({ min: 40, max: 200 }),
    fc.integer({ min: 1, max: 9 }),
    (lengths, maxPositions, maxRows) => {
      const batches = bucketByLength(lengths, { maxPositions, maxRows });
      const rows = batches.flat().sort((a, b) => a - b);
      assert.deepEqual(rows, lengths.map((_, i) => i));
      for (const batch of batches) {
        const longest = Math.max(...batch.map((i) => lengths[i] ?? 0));
        assert.ok(batch.length * longest <= maxPositions && batch.length <= maxRows);
      }
    },
  ));
});

Deno.test("a row over the budget, and a budget for no rows, are refused", () => {
  assert.throws(() => bucketByLength([3, 17], { maxPositions: 16 }), /row 1 .* has 17 tokens/);
  assert.throws(() => bucketByLength([3], { maxPositions: 16, maxRows: 0 }), InputError);
});

Deno.test("rows are cut where padding would cost more than one more batch", () => {
  const sizes = [100, 300, 90, 290, 95].map((length) => [length]);
  assert.deepEqual(cutByLength(sizes), [[1, 3], [0, 4, 2]]);
  assert.deepEqual(cutByLength(sizes, { batchCost: 1000 }), [[1, 3, 0, 4, 2]]);
  assert.deepEqual(cutByLength(sizes, { maxRows: 1 }), [[1], [3], [0], [4], [2]]);
  assert.deepEqual(cutByLength([[10, 90], [90, 10]]), [[0], [1]], "each part is padded by itself");
  assert.deepEqual(cutByLength([]), []);
  assert.throws(() => cutByLength([[1]], { maxRows: 0 }), InputError);
});

Deno.test("no other cut of rows in order of length is cheaper; every row once", () => {
  const cost = (sizes: readonly (readonly number[])[], batches: readonly (readonly number[])[]) =>
    batches.reduce((sum, batch) => {
      const longest = [0, 1].map((side) => Math.max(...batch.map((i) => sizes[i]![side]!)));
      return sum + 32 + batch.length * (longest[0]! + longest[1]!);
    }, 0);
  const lengths = fc.integer({ min: 1, max: 300 });
  const rows = fc.array(fc.tuple(lengths, lengths), { minLength: 1, maxLength: 7 });
  fc.assert(fc.property(rows, fc.integer({ min: 1, max: 4 }), (sizes, maxRows) => {
    const batches = cutByLength(sizes, { maxRows });
    const order = batches.flat();
    assert.deepEqual(order.toSorted(), sizes.map((_, i) => i));
    assert.ok(batches.every((batch) => batch.length <= maxRows));
    for (let cuts = 0; cuts < 2 ** (order.length - 1); cuts++) {
      const other: number[][] = [[]];
      order.forEach((row, i) => {
        if (i > 0 && cuts & (1 << (i - 1))) other.push([]);
        other.at(-1)!.push(row);
      });
      if (other.some((batch) => batch.length > maxRows)) continue;
      assert.ok(cost(sizes, batches) <= cost(sizes, other));
    }
  }));
});

Deno.test("groups of one size hold rows of like length, each row once", () => {
  assert.deepEqual(groupByLength([5, 1, 9, 1, 7], 2), [[1, 3], [0, 4], [2]]);
  assert.deepEqual(groupByLength([3, 3, 3], 8), [[0, 1, 2]]);
});
