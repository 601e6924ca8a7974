import assert from "node:assert/strict";
import { rewardFunction } from "./local.ts";

const prompt = { text: "a", ids: [1] };
const pairs = [{ prompt, response: "b" }, { prompt, response: "cd" }];
const batch = { pairs, groups: [[0, 1]], responses: 2 };

Deno.test("a function is a reward; what is not one finite number for each response is refused", async () => {
  const lengths = rewardFunction((pairs) => pairs.map(({ response }) => response.length));
  const { results } = await lengths.score(batch);
  assert.deepEqual(results, [{ score: 1 }, { score: 2 }]);
  await assert.rejects(
    rewardFunction(() => [1]).score(batch),
    /answered 2 responses with 1 scores: expected one finite number for each/,
  );
  await assert.rejects(
    rewardFunction(() => Promise.resolve([1, NaN])).score(batch),
    /number 1 is NaN/,
  );
});
