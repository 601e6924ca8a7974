import assert from "node:assert/strict";
import { pool } from "./pool.ts";

Deno.test("a pool works on `limit` items at once and keeps their order", async () => {
  let running = 0;
  let most = 0;
  const results = await pool([3, 1, 2, 0], 2, async (turns) => {
    most = Math.max(most, ++running);
    for (let i = 0; i < turns; i++) await Promise.resolve();
    running--;
    return 10 * turns;
  });
  assert.deepEqual(results, [30, 10, 20, 0]);
  assert.equal(most, 2);
  assert.deepEqual(await pool([], 2, () => Promise.reject(new Error())), []);
});

Deno.test("a failure lets what was begun end, and begins nothing more", async () => {
  const begun: number[] = [];
  const other = Promise.withResolvers<void>();
  let ended = false;
  const all = pool([0, 1, 2, 3], 2, async (item) => {
    begun.push(item);
    if (item === 0) throw new Error("item 0");
    await other.promise;
    ended = true;
  });
  other.resolve();
  await assert.rejects(all, /^Error: item 0$/);
  assert.ok(ended);
  assert.deepEqual(begun, [0, 1]);
});
