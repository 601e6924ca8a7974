import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { dataOrder } from "./batches.ts";

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
const all = Array.from({ length: 10 }, (_, i) => i);

Deno.test("each epoch has every row once, in an order of its own", () => {
  const order = dataOrder(10, 7);
  const epoch = (e: number) => order.batchAt(e, 10);
  for (const e of [0, 1, 5]) assert.deepEqual(sorted(epoch(e)), all);
  assert.notDeepEqual(epoch(0), epoch(1));
  assert.notDeepEqual(epoch(0), dataOrder(10, 8).batchAt(0, 10));
});

Deno.test("a resumed run gets the batches of an uninterrupted one", () => {
  const whole = dataOrder(10, 7);
  const batches = Array.from({ length: 12 }, (_, step) => whole.batchAt(step, 3));
  for (const step of [11, 0, 5, 3]) {
    assert.deepEqual(dataOrder(10, 7).batchAt(step, 3), batches[step]);
  }
  for (const epoch of [0, 3, 6, 9]) {
    assert.equal(new Set(batches.slice(epoch, epoch + 3).flat()).size, 9);
  }
});

Deno.test("the order of a seed does not change between releases", () => {
  assert.deepEqual(dataOrder(10, 7).batchAt(0, 10), [1, 7, 3, 4, 6, 8, 2, 5, 0, 9]);
});

Deno.test("what has no order is refused", () => {
  assert.throws(() => dataOrder(0, 1), InputError);
  const order = dataOrder(10, 1);
  assert.throws(() => order.batchAt(-1, 1), InputError);
  assert.throws(() => order.batchAt(0.5, 1), InputError);
  assert.throws(() => order.batchAt(0, 0), InputError);
  assert.throws(() => order.batchAt(0, 11), /a batch of 11 rows from 10/);
});
