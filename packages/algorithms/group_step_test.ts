import assert from "node:assert/strict";
import { meanGradients } from "@decorum/optim";
import type { KlController } from "./kl_controller.ts";
import type { GroupBatch } from "./group_step.ts";
import { GrpoLearner } from "./grpo_learner.ts";
import { grpoStep } from "./grpo_step.ts";
import type { LearnerOptions, LearnerSample } from "@decorum/learning";
import type { PolicyLearner } from "@decorum/learning";
import { RlooLearner } from "./rloo_learner.ts";
import { rlooStep } from "./rloo_step.ts";
import { lora, noise, randomAdapter, TinyT5 } from "@decorum/testing/t5";
import { randomSequences, runtime } from "@decorum/testing/training";

const fixed: KlController = { kind: "fixed", value: 0.1 };
const sequences = randomSequences(8);
const batch: GroupBatch = { sequences, scores: [1, -1, 0.5, 2, 0.3, 0.3, 0.3, 0.3] };
const inOrder = () => sequences.map((_, i) => i);
const config = { miniBatchSize: 4, numIterations: 2, temperature: 0.9 };
const grpo = { ...config, numGenerations: 4, scaleRewards: "group" } as const;
const rloo = { ...config, rlooK: 4, normalizeAdvantages: true };
const clip = { epsilon: 0.2, epsilonHigh: 0.3 };

type Options = Omit<LearnerOptions<never>, "loss">;
const options = (model: string): Options => ({
  model,
  lora,
  adapter: randomAdapter(model),
  optimizer: { learningRate: 1e-2 },
  runtime,
});
const openGrpo = (model: string, changes: Partial<Options> = {}, lossType = "grpo" as const) =>
  GrpoLearner.create({
    ...options(model),
    ...changes,
    loss: { ...clip, lossType, maxNewTokens: 8 },
  });
const openRloo = (model: string, changes: Partial<Options> = {}) =>
  RlooLearner.create({ ...options(model), ...changes, loss: clip });

/** Gradients of samples by a learner that was moved off its reference. */
async function gradientsOf<S extends LearnerSample>(
  learner: PolicyLearner<S, unknown>,
  samples: readonly S[],
) {
  const { train } = learner.state();
  const params = new Map([...train.params].map(([name, value]) => {
    const moved = noise(`moved ${name}`, value.dims, 0.1).data;
    return [name, { ...value, data: value.data.map((x, i) => x + moved[i]!) }] as const;
  }));
  learner.restore({ ...learner.state(), train: { ...train, params } });
  const { accumulation, loss } = await learner.gradients(samples);
  return { grads: meanGradients(accumulation), loss };
}

Deno.test("how a mini-batch is cut into micro-batches does not matter", async () => {
  using folder = new TinyT5();
  const random = (i: number, length: number) => noise(`logprobs ${i}`, [length], 0.5).data;
  const logprobs = sequences.map(({ response }, i) => random(i, response.length).map((x) => x - 3));
  const samples = sequences.map((sequence, i) => ({
    sequence,
    oldLogprobs: logprobs[i]!,
    refLogprobs: logprobs[i]!.map((x) => x + 0.2),
    advantage: [1, -2, 0.5, 0.1][i % 4]!,
    beta: 0.3,
  }));
  const openers = {
    grpo: (microBatchSize: number) => openGrpo(folder.model, { microBatchSize }),
    rloo: (microBatchSize: number) => openRloo(folder.model, { microBatchSize }),
  };
  for (const [name, open] of Object.entries(openers)) {
    await using whole = await open(8);
    await using cut = await open(3);
    const [a, b] = [await gradientsOf(whole, samples), await gradientsOf(cut, samples)];
    assert.ok(Math.abs(a.loss - b.loss) < 1e-5 * Math.abs(a.loss), `${name}: ${a.loss}, ${b.loss}`);
    for (const [key, { data }] of a.grads) {
      const size = Math.max(...data.map(Math.abs));
      const error = Math.max(...data.map((x, i) => Math.abs(x - b.grads.get(key)!.data[i]!)));
      assert.ok(error <= 2e-5 * Math.max(1, size), `${name} ${key}: ${error} of ${size}`);
    }
  }
});

Deno.test("the first step: KL is 0, the first ratio 1; groups of equals are counted", async () => {
  using folder = new TinyT5();
  await using one = await openGrpo(folder.model);
  await using other = await openRloo(folder.model);
  assert.deepEqual([one.valueHead, one.state().train.params.has("v_head.summary.bias")], [
    undefined,
    false,
  ]);
  for (
    const result of [
      await grpoStep(one, batch, { ...grpo, firstStep: true }, fixed, inOrder),
      await rlooStep(other, batch, { ...rloo, firstStep: true }, fixed, inOrder),
    ]
  ) {
    assert.equal(result.stats["objective/kl"], 0);
    assert.equal(result.stats["frac_reward_zero_std"], 0.5);
    assert.deepEqual([result.updates.length, result.epochs], [4, 2]);
    assert.ok(Object.values(result.stats).every(Number.isFinite));
  }
  assert.ok(!one.isReference);
});

Deno.test("the rollout's word is checked, and made anew where it is wrong", async () => {
  using folder = new TinyT5();
  const run = async (shift: number | undefined) => {
    await using policy = await openRloo(folder.model);
    const rows = await policy.forward(sequences, { temperature: config.temperature });
    const rollout = rows.map((row) => ({
      ...row,
      logprobs: row.logprobs.map((x) => x + (shift ?? 0)),
    }));
    const given = shift === undefined ? batch : { ...batch, rollout };
    const result = await rlooStep(policy, given, rloo, fixed, inOrder);
    return { result, state: policy.state() };
  };
  const own = await run(undefined);
  const agreeing = await run(0);
  assert.deepEqual(agreeing.state, own.state);
  const off = await run(0.5);
  assert.match(off.result.recomputed!, /rollout and trainer differ/);
  assert.deepEqual(off.state, own.state);
});

Deno.test("a policy that is not finite learns nothing, and nothing is thrown", async () => {
  using folder = new TinyT5();
  await using one = await openGrpo(folder.model);
  await using other = await openRloo(folder.model);
  for (const policy of [one, other]) {
    const state = policy.state();
    const params = new Map(
      [...state.train.params].map(([name, value]) =>
        [name, { ...value, data: value.data.map(() => 1e38) }] as const
      ),
    );
    policy.restore({ ...state, train: { ...state.train, params } });
  }
  for (
    const { updates, klController } of [
      await grpoStep(one, batch, grpo, fixed, inOrder),
      await rlooStep(other, batch, rloo, fixed, inOrder),
    ]
  ) {
    assert.ok(updates.every((u) => !u.applied));
    assert.equal(klController, fixed);
  }
});

Deno.test("what does not fit is named", async () => {
  using folder = new TinyT5();
  await using policy = await openGrpo(folder.model);
  const refuse = (change: Partial<GroupBatch>, settings: object, message: RegExp) =>
    assert.rejects(
      grpoStep(policy, { ...batch, ...change }, { ...grpo, ...settings }, fixed, inOrder),
      message,
    );
  await refuse({ scores: [1] }, {}, /GRPO step: scores has 1 entries; expected 8/);
  await refuse({}, { numIterations: 0 }, /numIterations 0/);
  await refuse({}, { numGenerations: 3 }, /8 responses in groups of 3/);
  await refuse({ scores: batch.scores.map(() => NaN) }, {}, /score of response 0 is NaN/);
  assert.equal(policy.state().train.updates, 0);
});
