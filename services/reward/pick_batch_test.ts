import assert from "node:assert/strict";
import fc from "fast-check";
import { pickBatch } from "./pick_batch.ts";
import { paddedTokens, type ScoringJob, type Unit, unitsOf } from "./scoring_job.ts";

function units(lengths: readonly number[], asSent = false): Unit[] {
  const items = lengths.map((length) => ({ ids: Array<number>(length).fill(0), truncated: 0 }));
  const request = { items, asSent, signal: new AbortController().signal, deadline: Infinity };
  return unitsOf({ request } as unknown as ScoringJob, 0);
}

const lengths = (batch: readonly Unit[]) => batch.map(({ longest }) => longest);

Deno.test("the oldest runs with those nearest to it in length", () => {
  const waiting = units([10, 100, 12, 9, 11, 50]);
  assert.deepEqual(lengths(pickBatch(waiting, { maxItems: 8, maxTokens: 48 })), [9, 10, 11, 12]);
  assert.deepEqual(lengths(pickBatch(waiting, { maxItems: 2, maxTokens: 48 })), [9, 10]);
  assert.deepEqual(pickBatch([], { maxItems: 8, maxTokens: 40 }), []);
});

Deno.test("one item over the limit runs alone; so does a group as sent", () => {
  assert.deepEqual(lengths(pickBatch(units([90, 2]), { maxItems: 8, maxTokens: 40 })), [90]);
  const group = units([5, 30, 7], true);
  assert.equal(group.length, 1);
  assert.equal(paddedTokens(group), 90);
  assert.deepEqual(pickBatch([...group, ...units([5])], { maxItems: 2, maxTokens: 40 }), group);
  const single = units([5]);
  assert.deepEqual(pickBatch([...single, ...group], { maxItems: 9, maxTokens: 400 }), single);
});

Deno.test("any batch holds the oldest, stays within the limits, and is a run of like lengths", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 }),
    fc.integer({ min: 1, max: 10 }),
    fc.integer({ min: 1, max: 200 }),
    (all, maxItems, maxTokens) => {
      const waiting = units(all);
      const batch = pickBatch(waiting, { maxItems, maxTokens });
      assert.ok(batch.includes(waiting[0]!));
      assert.ok(batch.length === 1 || paddedTokens(batch) <= maxTokens);
      assert.ok(batch.length <= maxItems);
      const [low, high] = [Math.min(...lengths(batch)), Math.max(...lengths(batch))];
      const left = waiting.filter((unit) => !batch.includes(unit));
      assert.ok(left.every(({ longest }) => longest <= low || longest >= high));
    },
  ));
});
