import assert from "node:assert/strict";
import { responseLimits } from "./gather.ts";
import { ppo } from "./ppo.ts";

Deno.test("response lengths depend on seed and step alone, and stay in their range", () => {
  const settings = ppo.settings.parse({ batch_size: 8, max_new_tokens: 8 });
  assert.deepEqual(responseLimits(settings, 1, 0), Array(8).fill(8));
  const sampled = { ...settings, batch_size: 200, length_sampler: { min: 3, max: 6 } };
  const limits = responseLimits(sampled, 1, 4);
  assert.deepEqual([...new Set(limits)].sort(), [3, 4, 5]);
  assert.deepEqual(responseLimits(sampled, 1, 4), limits);
  assert.notDeepEqual(responseLimits(sampled, 1, 5), limits);
});
