import assert from "node:assert/strict";
import { emptyMoments } from "@decorum/algorithms";
import { shapeScores } from "./score_shaping.ts";
import { responseLimits } from "./gather.ts";
import { runConfigOf } from "@decorum/settings";
import { settings } from "../testing/fixture.ts";

Deno.test("response lengths depend on seed and step alone, and stay in their range", () => {
  const { ppo } = runConfigOf(settings("folder"));
  assert.deepEqual(responseLimits(ppo, 1, 0), Array(8).fill(8));
  const sampled = { ...ppo, batch_size: 200, length_sampler: { min: 3, max: 6 } };
  const limits = responseLimits(sampled, 1, 4);
  assert.deepEqual([...new Set(limits)].sort(), [3, 4, 5]);
  assert.deepEqual(responseLimits(sampled, 1, 4), limits);
  assert.notDeepEqual(responseLimits(sampled, 1, 5), limits);
});

Deno.test("scores are scaled, then clipped, then lowered where there is no end", () => {
  const plain = {
    use_score_scaling: false,
    use_score_norm: false,
    score_clip: null,
    missing_eos_penalty: null,
  };
  const shape = (change: Partial<Parameters<typeof shapeScores>[3]>) =>
    shapeScores([1, 2, 6], [true, false, true], emptyMoments, { ...plain, ...change });
  assert.deepEqual(shape({}), { scores: [1, 2, 6], moments: emptyMoments });
  assert.deepEqual(shape({ score_clip: 2, missing_eos_penalty: 5 }).scores, [1, -3, 2]);
  const { scores, moments } = shape({
    use_score_scaling: true,
    use_score_norm: true,
    score_clip: 1,
  });
  assert.equal(moments.count, 3);
  assert.deepEqual([Math.sign(scores[0]!), scores[2]], [-1, 1]);
});
