import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { KlController } from "./kl_controller.ts";
import { readSafetensors, writeSafetensors } from "@decorum/tensor";
import { PpoLearner, type PpoLearnerOptions } from "./ppo_learner.ts";
import { stateFromTensors, stateToTensors } from "@decorum/learning";
import { type PpoBatch, ppoStep, type PpoStepConfig } from "./ppo_step.ts";
import { ppoOptions, ppoSteps, startController } from "./testing/ppo_run.ts";
import { lora, randomAdapter, TinyT5 } from "@decorum/testing/t5";
import { randomSequences, runtime } from "@decorum/testing/training";

const config: PpoStepConfig = {
  miniBatchSize: 4,
  ppoEpochs: 2,
  klKind: "kl",
  gamma: 1,
  lam: 0.95,
  temperature: 1,
};
const fixed: KlController = { kind: "fixed", value: 0.2 };
const sequences = randomSequences(8);
const batch: PpoBatch = { sequences, scores: sequences.map((_, i) => i % 3 - 1) };
const inOrder = () => sequences.map((_, i) => i);

function learner(model: string, options: Partial<PpoLearnerOptions> = {}): Promise<PpoLearner> {
  return PpoLearner.create({
    model,
    lora,
    adapter: randomAdapter(model),
    loss: { cliprange: 0.2, cliprangeValue: 0.2, vfCoef: 0.1 },
    optimizer: { learningRate: 1e-2 },
    runtime,
    ...options,
  });
}

Deno.test("the first step: KL is 0, the first mini-batch has ratio 1, every mini-batch is an update", async () => {
  using folder = new TinyT5();
  await using policy = await learner(folder.model);
  const one = { ...config, ppoEpochs: 1, miniBatchSize: 8 };
  const { stats, updates, epochs, klController } = await ppoStep(policy, batch, one, {
    kind: "adaptive",
    value: 0.2,
    target: 6,
    horizon: 100,
  }, inOrder);
  assert.equal(stats["objective/kl"], 0);
  assert.ok(Math.abs(stats["ppo/policy/approxkl"]) < 1e-10);
  assert.ok(Math.abs(stats["ppo/loss/policy"]) < 1e-5, "whitened advantages at ratio 1");
  assert.equal(stats["ppo/policy/clipfrac"], 0);
  assert.deepEqual([updates.length, epochs], [1, 1]);
  // KL 0 is below the target: e = -0.2, times 8 / 100.
  assert.ok(Math.abs(klController.value - 0.2 * (1 - 0.2 * 0.08)) < 1e-12);
  const second = await ppoStep(policy, batch, config, klController, inOrder);
  assert.equal(second.updates.length, 4);
  assert.ok(second.updates.every((u) => u.applied));
  assert.ok(second.stats["objective/kl"] !== 0);
});

Deno.test("steps raise the log-probability of what scores well", async () => {
  using folder = new TinyT5();
  await using policy = await learner(folder.model);
  const scores = sequences.map((_, i) => i < 4 ? 1 : -1);
  const mean = async (from: number) => {
    const rows = await policy.forward(sequences.slice(from, from + 4));
    const all = rows.flatMap((row) => [...row.logprobs]);
    return all.reduce((a, b) => a + b, 0) / all.length;
  };
  const before = await mean(0) - await mean(4);
  for (let i = 0; i < 5; i++) {
    await ppoStep(policy, { sequences, scores }, config, { kind: "fixed", value: 0 }, inOrder);
  }
  assert.ok(await mean(0) - await mean(4) > before + 0.1);
});

Deno.test("the rollout's predictions are used where they agree, and made anew where they do not", async () => {
  using folder = new TinyT5();
  const run = async (shift: number | undefined) => {
    await using policy = await learner(folder.model);
    const rows = await policy.forward(sequences);
    const rollout = rows.map(({ logprobs, values }) => ({
      logprobs: logprobs.map((x) => x + (shift ?? 0)),
      values,
    }));
    const given = shift === undefined ? batch : { ...batch, rollout };
    const result = await ppoStep(policy, given, config, fixed, inOrder);
    return { result, state: policy.state() };
  };
  const own = await run(undefined);
  const agreeing = await run(0);
  assert.deepEqual(agreeing.state, own.state);
  assert.equal(agreeing.result.recomputed, undefined);
  const off = await run(0.5);
  assert.match(off.result.recomputed!, /rollout and trainer differ/);
  assert.deepEqual(off.state, own.state);
  assert.deepEqual(off.result.stats, own.result.stats);
});

Deno.test("a run that is saved and goes on in another process equals one that was not", async () => {
  using folder = new TinyT5();
  const file = (name: string) => join(folder.path, `${name}.safetensors`);
  await using policy = await PpoLearner.create(ppoOptions(folder.model));
  const half = await ppoSteps(policy, 0, 1, startController);
  writeSafetensors(file("half"), stateToTensors(policy.state()));
  await ppoSteps(policy, 1, 3, half);
  writeSafetensors(file("whole"), stateToTensors(policy.state()));
  const child = fileURLToPath(new URL("./testing/resume_ppo_child.ts", import.meta.url));
  const values = [folder.model, file("half"), file("resumed"), JSON.stringify(half)];
  execFileSync(process.execPath, ["run", "-A", child, ...values]);
  assert.ok(readFileSync(file("resumed")).equals(readFileSync(file("whole"))));
  const tensors = readSafetensors(file("whole"));
  assert.deepEqual(stateFromTensors(tensors, policy.params), policy.state());
  const [name] = policy.adapter.keys();
  const without = new Map([...tensors].filter(([key]) => key !== `reference.${name}`));
  assert.throws(
    () => stateFromTensors(without, policy.params),
    /reference of the state.*is missing/,
  );
});

Deno.test("epochs end early when the policy has moved too far", async () => {
  using folder = new TinyT5();
  await using policy = await learner(folder.model);
  const far = { ...config, ppoEpochs: 5, targetKl: 1e-9 };
  const { epochs, updates } = await ppoStep(policy, batch, far, fixed, inOrder);
  assert.equal(epochs, 1);
  assert.equal(updates.length, 2);
});

Deno.test("mini-batches that are not finite are skipped; the others count", async () => {
  using folder = new TinyT5();
  // The first update throws the parameters so far that what follows overflows.
  await using policy = await learner(folder.model, { optimizer: { learningRate: 1e10 } });
  const { updates, stats } = await ppoStep(policy, batch, config, fixed, inOrder);
  const { train } = policy.state();
  assert.deepEqual(updates.map((u) => u.applied), [true, false, false, false]);
  assert.deepEqual([train.updates, train.skipped], [1, 3]);
  for (const u of updates) assert.equal(u.applied, u.reason === undefined);
  for (const [name, { data }] of train.params) assert.ok(data.every(Number.isFinite), name);
  assert.ok(Object.values(stats).every(Number.isFinite));
  // The policy itself is not finite any more: nothing is learned, and nothing is thrown.
  const next = await ppoStep(policy, batch, config, fixed, inOrder);
  assert.ok(next.updates.every((u) => !u.applied));
  assert.equal(next.klController, fixed);
});

Deno.test("what does not fit is named", async () => {
  using folder = new TinyT5();
  await using policy = await learner(folder.model);
  const refuse = (change: Partial<PpoBatch>, settings: Partial<PpoStepConfig>, message: RegExp) =>
    assert.rejects(
      ppoStep(policy, { ...batch, ...change }, { ...config, ...settings }, fixed, inOrder),
      message,
    );
  await refuse({ scores: [1] }, {}, /scores has 1 entries; expected 8/);
  await refuse({ rollout: [] }, {}, /rollout has 0 entries; expected 8/);
  await refuse({}, { miniBatchSize: 0 }, /miniBatchSize 0/);
  await refuse({}, { ppoEpochs: 1.5 }, /ppoEpochs 1.5/);
  await refuse({ scores: batch.scores.map(() => NaN) }, {}, /score of response 0 is NaN/);
  assert.equal(policy.state().train.updates, 0);
});
