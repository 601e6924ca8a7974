import assert from "node:assert/strict";
import { onlineDpo as page } from "./online_dpo.ts";
import { evaluateLoss } from "./testing/evaluate_loss.ts";
import { rolled } from "./testing/runs.ts";

const onlineDpo = page.open({ batch_size: 4, mini_batch_size: 4, beta: 0.5 });
const logprobs = [[-1, -2], [-3], [-4], [-5, -6, -7]];
const near = (found: number, expected: number) =>
  assert.ok(Math.abs(found - expected) < 1e-6, `${found}, expected ${expected}`);

Deno.test("the response with the higher score is chosen, the first of two that are equal", () => {
  const batch = rolled(logprobs, [1, 2, 0.5, 0.5]);
  const [first, second] = onlineDpo.samples(batch, onlineDpo.rewards(batch));
  assert.deepEqual(first!.sequence, [batch.sequences[1], batch.sequences[0]]);
  assert.deepEqual(first!.oldLogprobs, Float32Array.of(-3, -1, -2));
  assert.deepEqual([first!.lengths, first!.refLogps], [[1, 2], [-3, -3]]);
  assert.deepEqual(second!.sequence, [batch.sequences[2], batch.sequences[3]]);
  assert.deepEqual(second!.refLogps, [-4, -18]);
});

Deno.test("at the reference the loss is log 2 and every reward 0; away from it beta scales the rewards", async () => {
  const batch = rolled(logprobs, [1, 2, 0.5, 0.5]);
  const samples = onlineDpo.samples(batch, batch.scores);
  const tokens = samples.flatMap((pair) => [...pair.oldLogprobs]);
  const at = (moved: readonly number[]) =>
    evaluateLoss(
      onlineDpo.loss,
      { logprobs: tokens.map((x, i) => x + moved[i]!) },
      onlineDpo.feeds(samples),
    );
  const start = await at(tokens.map(() => 0));
  near(start["loss"]!, Math.LN2);
  near(start["rewards/margins"]!, 0);
  // The chosen of the first pair is its first token, that of the second is the fourth.
  const found = await at([0.4, 0, -0.2, 0, 0, 0, 0.6]);
  near(found["rewards/chosen"]!, 0.5 * 0.4 / 2);
  near(found["rewards/rejected"]!, 0.5 * (-0.2 + 0.6) / 2);
  assert.equal(found["rewards/accuracies"], 0.5);
  const margins = [0.5 * 0.6, -0.5 * 0.6];
  near(found["loss"]!, margins.reduce((sum, m) => sum + Math.log1p(Math.exp(-m)), 0) / 2);
});

Deno.test("statistics of a step; batches of half a pair are refused", () => {
  const kl = Float32Array.of(1, 1, 2, 0, 0, 0, 0);
  const batch = rolled(logprobs, [1, 2, 0.5, 0.5], {
    ...{ kl, klCoef: 0.5 },
    hasEos: [true, true, true, false],
  });
  assert.deepEqual(onlineDpo.stepStatistics(batch), {
    "objective/non_score_reward": -0.5,
    "objective/rlhf_reward": 0.5,
    "objective/scores": 1,
    "objective/scores_margin": 0.5,
    "val/contain_eos_token": 0.75,
    "beta": 0.5,
  });
  const odd = page.settings.safeParse({ batch_size: 5, mini_batch_size: 2 });
  assert.match(odd.error!.message, /multiple of 2/);
});
