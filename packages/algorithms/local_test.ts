import assert from "node:assert/strict";
import { rewardFunction } from "./local.ts";

const group = [{ query: "a", response: "b" }, { query: "a", response: "c" }];

Deno.test("a function is a reward; what is not one finite number for each response is refused", async () => {
  const lengths = rewardFunction((pairs) => pairs.map(({ response }) => response.length));
  const { results } = await lengths.score([group, group.slice(1)]);
  assert.deepEqual(results, [[{ score: 1 }, { score: 1 }], [{ score: 1 }]]);
  await assert.rejects(
    rewardFunction(() => [1]).score([group]),
    /answered 2 responses with 1 scores: expected one finite number for each/,
  );
  await assert.rejects(
    rewardFunction(() => Promise.resolve([1, NaN])).score([group]),
    /number 1 is NaN/,
  );
});
