import assert from "node:assert/strict";
import fc from "fast-check";
import { paddedTokens, type Part, pickBatch } from "./pick_batch.ts";

const weights = {};
const part = (inputTokens: number, fields: Partial<Part> = {}): Part => ({
  ...{ rows: 1, inputTokens, outputTokens: 0, key: [weights] },
  ...fields,
});
const parts = (lengths: readonly number[]) => lengths.map((length) => part(length)) as [Part];
const lengths = (batch: readonly Part[]) => batch.map(({ inputTokens }) => inputTokens);
const pick = (first: Part, others: readonly Part[], maxRows: number, maxTokens: number) =>
  pickBatch([first, ...others], { maxRows, maxTokens });

Deno.test("padded tokens: rows times the longest input and the longest output", () => {
  assert.equal(paddedTokens(part(7, { rows: 2, outputTokens: 10 })), 2 * (7 + 10));
});

Deno.test("the oldest runs with those nearest to it in length", () => {
  const [first, ...others] = parts([10, 100, 12, 9, 11, 50]);
  assert.deepEqual(lengths(pick(first, others, 8, 48).batch), [9, 10, 11, 12]);
  assert.deepEqual(lengths(pick(first, others, 2, 48).batch), [9, 10]);
});

Deno.test("parts of another key stay behind; a part without one runs alone, over the limits too", () => {
  const first = part(10);
  const alike = part(10, { key: [weights] });
  const together = (...others: Part[]) => pick(first, others, 9, 400).batch.slice(1);
  assert.deepEqual(together(alike), [alike]);
  assert.deepEqual(together(part(10, { key: [{}] })), []);
  assert.deepEqual(together(part(10, { key: [weights, 1] })), []);
  assert.deepEqual(together(part(10, { key: undefined })), []);
  const alone = part(30, { rows: 3, key: undefined });
  assert.deepEqual(pick(alone, [first], 2, 40), { batch: [alone], full: true });
});

Deno.test("rows and outputs of all parts count, and a part that fits is not held back by one that does not", () => {
  const first = part(10, { outputTokens: 4 });
  const grown = (length: number, rows: number, outputTokens = 4) =>
    part(length, { rows, outputTokens });
  const together = (...others: Part[]) => pick(first, others, 4, 100).batch.slice(1);
  assert.deepEqual(together(grown(10, 4)), [], "5 rows");
  assert.deepEqual(together(grown(60, 1)), [], "2 x 64 tokens");
  assert.deepEqual(together(grown(10, 1, 50)), [], "2 x 60 tokens");
  const small = grown(14, 1);
  assert.deepEqual(together(grown(10, 4), small), [small]);
});

Deno.test("a batch is full when no more row fits, or when something that waits found no room", () => {
  const full = (...all: Parameters<typeof pick>) => pick(...all).full;
  assert.equal(full(part(10), [], 8, 100), false);
  assert.equal(full(part(10), parts([10]), 8, 29), true, "a third row of 10 tokens does not fit");
  assert.equal(full(part(10), parts([10]), 2, 100), true);
  assert.equal(full(part(10), parts([90]), 8, 100), true);
  assert.equal(
    full(part(10), [part(10, { key: [] }), part(10, { key: undefined })], 2, 100),
    false,
  );
});

Deno.test("any batch holds the oldest, stays within the limits, and is a run of like lengths", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 }),
    fc.integer({ min: 1, max: 10 }),
    fc.integer({ min: 1, max: 200 }),
    (all, maxRows, maxTokens) => {
      const waiting = parts(all);
      const { batch } = pickBatch(waiting, { maxRows, maxTokens });
      assert.ok(batch.includes(waiting[0]));
      const [low, high] = [Math.min(...lengths(batch)), Math.max(...lengths(batch))];
      assert.ok(batch.length === 1 || batch.length * high <= maxTokens);
      assert.ok(batch.length <= maxRows);
      const left = lengths(waiting.filter((one) => !batch.includes(one)));
      assert.ok(left.every((length) => length <= low || length >= high));
    },
  ));
});
