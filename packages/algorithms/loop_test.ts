import assert from "node:assert/strict";
import { dataOrder } from "@decorum/text";
import { gather, responseLimits } from "./loop.ts";
import { ppo } from "./ppo.ts";
import { rloo } from "./rloo.ts";

Deno.test("response lengths depend on seed and step alone, and stay in their range", () => {
  const settings = ppo.settings.parse({ batch_size: 8, max_new_tokens: 8 });
  assert.deepEqual(responseLimits(settings, 1, 0), Array(8).fill(8));
  const sampled = { ...settings, batch_size: 200, length_sampler: { min: 3, max: 6 } };
  const limits = responseLimits(sampled, 1, 4);
  assert.deepEqual([...new Set(limits)].sort(), [3, 4, 5]);
  assert.deepEqual(responseLimits(sampled, 1, 4), limits);
  assert.notDeepEqual(responseLimits(sampled, 1, 5), limits);
});

Deno.test("where prompts are shared, all responses to one are in one group, or in few of like size", async () => {
  const words = ["a", "a b c", "a b", "a b c d"];
  const all = words.map((text) => ({ text, ids: text.split(" ").map((_, i) => i) }));
  const groupsOf = async (responses: number, groupSize: number) => {
    const groups: number[][] = [];
    const algorithm = rloo.open({
      ...{ rloo_k: responses, batch_size: responses * all.length, mini_batch_size: responses },
      share_prompts: true,
    });
    await gather({
      learning: { algorithm },
      ...{ groupSize, seed: 1 },
      prompts: all,
      order: dataOrder(all.length, 1),
      tokenizer: { decode: () => "", idToToken: () => "" },
      policy: {
        generate(asked, { sharePrompts }) {
          assert.ok(sharePrompts);
          groups.push(...asked.map((group) => group.map(({ ids }) => ids.length)));
          const none = { response: [1], logprobs: new Float32Array(1), values: new Float32Array() };
          return Promise.resolve(
            asked.map((group) => group.map(() => ({ ...none, hasEos: true }))),
          );
        },
      },
      rewards: {
        score: ({ pairs }) =>
          Promise.resolve({ results: pairs.map(() => ({ score: 0 })), version: "" }),
      },
    }, 0);
    return groups;
  };
  assert.deepEqual(await groupsOf(3, 8), [[1, 1, 1, 2, 2, 2], [3, 3, 3, 4, 4, 4]]);
  assert.deepEqual(await groupsOf(2, 2), [[1, 1], [2, 2], [3, 3], [4, 4]]);
  assert.deepEqual((await groupsOf(5, 4)).slice(0, 3), [[1, 1, 1], [1, 1], [2, 2, 2]]);
});
