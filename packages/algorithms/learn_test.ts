import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { stateFromTensors, stateToTensors } from "@decorum/learning";
import { meanGradients } from "@decorum/optim";
import { readSafetensors, writeSafetensors } from "@decorum/tensor";
import { statistics as promised } from "@decorum/testing/statistics";
import { noise, TinyT5 } from "@decorum/testing/t5";
import { randomSequences } from "@decorum/testing/training";
import type { KlController } from "./kl.ts";
import type { Learning, ScoredBatch } from "./learn.ts";
import { ppo } from "./ppo.ts";
import { type AlgorithmName, algorithmNames, pageOf } from "./registry.ts";
import { first, fixed, open, openRun, takeSteps } from "./testing/runs.ts";

const sequences = randomSequences(8);
const batch: ScoredBatch = { sequences, scores: sequences.map((_, i) => i % 3 - 1) };

/** Settings that make groups of what does not have them by itself, and two epochs. */
const small: Record<AlgorithmName, object> = {
  ppo: { ppo_epochs: 2 },
  grpo: { num_generations: 4, num_iterations: 2, mini_batch_size: 4 },
  rloo: { rloo_k: 4, num_iterations: 2, mini_batch_size: 4 },
  online_dpo: { mini_batch_size: 4 },
};
const openAny = (name: AlgorithmName, model: string, settings: object = {}) =>
  open(pageOf(name), model, { learning_rate: 1e-2, ...small[name], ...settings });

for (const name of algorithmNames) {
  Deno.test(`${name}, the first step: KL is 0, the first ratio 1; what it reports is promised and finite`, async () => {
    using folder = new TinyT5();
    await using learning = await openAny(name, folder.model);
    const { statistics, updates, epochs } = await learning.learn(batch, first);
    assert.equal(statistics["objective/kl"], 0);
    assert.equal(updates.length, 2 * epochs);
    assert.ok(updates.every((u) => u.applied));
    for (const metric of promised[name]) assert.ok(metric in statistics, metric);
    for (const [metric, value] of Object.entries(statistics)) {
      assert.ok(Number.isFinite(value), metric);
    }
    assert.ok(!learning.learner.isReference);
    assert.equal(learning.learner.valueHead !== undefined, learning.algorithm.valueHead);
    const second = await learning.learn(batch, { ...first, step: 1 });
    assert.notEqual(second.statistics["objective/kl"], 0);
  });

  Deno.test(`${name}: the rollout's predictions are used where they agree, and computed again where not`, async () => {
    using folder = new TinyT5();
    const run = async (shift: number | undefined) => {
      await using learning = await openAny(name, folder.model);
      const rows = await learning.learner.forward(sequences);
      const rollouts = rows.map(({ logprobs, values }) => ({
        logprobs: logprobs.map((x) => x + (shift ?? 0)),
        values,
      }));
      const given = shift === undefined ? batch : { ...batch, rollouts };
      const learned = await learning.learn(given, first);
      return { learned, state: learning.learner.state() };
    };
    const own = await run(undefined);
    const agreeing = await run(0);
    assert.deepEqual(agreeing.state, own.state);
    assert.equal(agreeing.learned.recomputed, undefined);
    const off = await run(0.5);
    assert.match(off.learned.recomputed!, /rollout and trainer differ/);
    assert.deepEqual(off.state, own.state);
    const { "rollout/recomputed": recomputed, ...rest } = off.learned.statistics;
    assert.equal(recomputed, 1);
    assert.deepEqual({ ...rest, "rollout/recomputed": 0 }, own.learned.statistics);
  });

  Deno.test(`${name}: how a mini-batch is cut into micro-batches does not matter`, async () => {
    using folder = new TinyT5();
    const gradientsOf = async (micro_batch_size: number) => {
      await using learning = await openAny(name, folder.model, { micro_batch_size });
      const { learner } = learning;
      moveOff(learning);
      const refused = await captureSamples(learning);
      const { accumulation, means } = await learner.gradients(refused);
      return { grads: meanGradients(accumulation), means };
    };
    const [whole, cut] = [await gradientsOf(8), await gradientsOf(3)];
    for (const [metric, mean] of Object.entries(whole.means)) {
      const error = Math.abs(mean - cut.means[metric]!);
      assert.ok(error <= 1e-5 * Math.max(1, Math.abs(mean)), `${metric}: ${mean}, ${error}`);
    }
    for (const [key, { data }] of whole.grads) {
      const size = Math.max(...data.map(Math.abs));
      const error = Math.max(...data.map((x, i) => Math.abs(x - cut.grads.get(key)!.data[i]!)));
      assert.ok(error <= 2e-5 * Math.max(1, size), `${key}: ${error} of ${size}`);
    }
  });

  Deno.test(`${name}: a policy that is not finite learns nothing, and nothing is thrown`, async () => {
    using folder = new TinyT5();
    await using learning = await openAny(name, folder.model);
    const { learner } = learning;
    await learning.learn(batch, first);
    const state = learner.state();
    const params = new Map(
      [...state.train.params].map(([key, value]) =>
        [key, { ...value, data: value.data.map(() => 1e38) }] as const
      ),
    );
    learner.restore({ ...state, train: { ...state.train, params } });
    const { updates, state: { klController } } = await learning.learn(batch, { ...first, step: 1 });
    assert.ok(updates.every((u) => !u.applied));
    assert.equal(klController, fixed);
  });
}

for (const name of ["grpo", "rloo", "online_dpo"] as const) {
  Deno.test(`${name}: prompts that are shared learn the same, in mini-batches of whole prompts`, async () => {
    using folder = new TinyT5();
    const together = name === "online_dpo" ? 2 : 4;
    const queryOf = (i: number) => sequences[together * Math.floor(i / together)]!.query;
    const grouped = sequences.map((sequence, i) => ({ ...sequence, query: queryOf(i) }));
    const run = async (share_prompts: boolean, mini_batch_size: number) => {
      const settings = { share_prompts, mini_batch_size, micro_batch_size: 8 };
      await using learning = await openAny(name, folder.model, settings);
      const { learner } = learning;
      const rollouts = await learner.forward(grouped);
      const prompts: number[] = [];
      const gradients = learner.gradients.bind(learner);
      learner.gradients = (samples, options) => {
        const all = samples.flatMap(({ sequence }) => [sequence].flat());
        prompts.push(new Set(all.map(({ query }) => `${query}`)).size);
        return gradients(samples, options);
      };
      const learned = await learning.learn({ ...batch, sequences: grouped, rollouts }, first);
      assert.equal(learned.statistics["objective/kl"], 0);
      assert.equal(learned.recomputed, undefined);
      return { ...learned, prompts };
    };
    const [apart, shared] = [await run(false, 8), await run(true, 8)];
    const [expected, found] = [apart, shared].map(({ updates }) => updates[0]!.gradNorm);
    assert.ok(expected! > 0 && Math.abs(found! / expected! - 1) < 1e-5, `${found}, ${expected}`);
    const { prompts } = await run(true, 4);
    assert.deepEqual(prompts, prompts.map(() => 4 / together));
  });
}

/** Moves a policy off its reference. */
function moveOff({ learner }: Learning): void {
  const state = learner.state();
  const params = new Map([...state.train.params].map(([key, value]) => {
    const by = noise(`moved ${key}`, value.dims, 0.1).data;
    return [key, { ...value, data: value.data.map((x, i) => x + by[i]!) }] as const;
  }));
  learner.restore({ ...state, train: { ...state.train, params } });
}

/** What the algorithm learns from in a batch that another policy rolled out. */
async function captureSamples({ algorithm, learner }: Learning) {
  const flat = async (reference: boolean) => {
    const rows = await learner.forward(sequences, { reference });
    return rows.map(({ logprobs, values }) => ({ logprobs, values }));
  };
  const [now, reference] = [await flat(false), await flat(true)];
  const join = (rows: readonly Float32Array[]) => Float32Array.from(rows.flatMap((r) => [...r]));
  const logprobs = join(now.map((row) => row.logprobs)).map((x, i) => x + 0.3 * (i % 3 - 1));
  const refLogprobs = join(reference.map((row) => row.logprobs));
  const offsets = [0];
  for (const { response } of sequences) offsets.push(offsets.at(-1)! + response.length);
  const rolled = {
    ...{ sequences, offsets, scores: batch.scores, hasEos: sequences.map(() => true) },
    ...{ logprobs, refLogprobs, values: join(now.map((row) => row.values)) },
    kl: logprobs.map((x, i) => x - refLogprobs[i]!),
    klCoef: 0.3,
  };
  return algorithm.samples(rolled, algorithm.rewards(rolled));
}

const openPpo = (model: string, settings: object = {}) =>
  open(ppo, model, { ppo_epochs: 2, learning_rate: 1e-2, ...settings });

Deno.test("the KL coefficient follows its controller; whitened advantages make the first loss 0", async () => {
  using folder = new TinyT5();
  await using learning = await openPpo(folder.model, { ppo_epochs: 1, mini_batch_size: 8 });
  const klController: KlController = { kind: "adaptive", value: 0.2, target: 6, horizon: 100 };
  const learned = await learning.learn(batch, { ...first, klController });
  assert.ok(Math.abs(learned.statistics["ppo/policy/approxkl"]!) < 1e-10);
  assert.ok(Math.abs(learned.statistics["ppo/loss/policy"]!) < 1e-5);
  assert.equal(learned.statistics["ppo/policy/clipfrac"], 0);
  // KL 0 is below the target: e = -0.2, times 8 / 100.
  assert.ok(Math.abs(learned.state.klController.value - 0.2 * (1 - 0.2 * 0.08)) < 1e-12);
});

Deno.test("steps raise the log-probability of what scores well", async () => {
  using folder = new TinyT5();
  await using learning = await openPpo(folder.model);
  const scores = sequences.map((_, i) => i < 4 ? 1 : -1);
  const mean = async (from: number) => {
    const rows = await learning.learner.forward(sequences.slice(from, from + 4));
    const all = rows.flatMap((row) => [...row.logprobs]);
    return all.reduce((a, b) => a + b, 0) / all.length;
  };
  const before = await mean(0) - await mean(4);
  const klController = { kind: "fixed", value: 0 } as const;
  for (let step = 0; step < 5; step++) {
    await learning.learn({ sequences, scores }, { ...first, step, klController });
  }
  assert.ok(await mean(0) - await mean(4) > before + 0.1);
});

Deno.test("a run that is saved and continues in another process equals one that was not", async () => {
  using folder = new TinyT5();
  const file = (name: string) => join(folder.path, `${name}.safetensors`);
  await using learning = await openRun(folder.model);
  const { learner } = learning;
  const start: KlController = { kind: "adaptive", value: 0.2, target: 6, horizon: 100 };
  const half = await takeSteps(learning, 0, 1, start);
  writeSafetensors(file("half"), stateToTensors(learner.state()));
  await takeSteps(learning, 1, 3, half);
  writeSafetensors(file("whole"), stateToTensors(learner.state()));
  const child = fileURLToPath(new URL("./testing/resume_child.ts", import.meta.url));
  const values = [folder.model, file("half"), file("resumed"), JSON.stringify(half)];
  execFileSync(process.execPath, ["run", "-A", child, ...values]);
  assert.ok(readFileSync(file("resumed")).equals(readFileSync(file("whole"))));
  const tensors = readSafetensors(file("whole"));
  assert.deepEqual(stateFromTensors(tensors, learner.params), learner.state());
});

Deno.test("epochs end early when the policy has moved too far", async () => {
  using folder = new TinyT5();
  await using learning = await openPpo(folder.model, { ppo_epochs: 5, target_kl: 1e-9 });
  const { epochs, updates } = await learning.learn(batch, first);
  assert.deepEqual([epochs, updates.length], [1, 2]);
});

Deno.test("a linear learning rate falls by steps, whatever the updates", async () => {
  using folder = new TinyT5();
  await using learning = await openPpo(folder.model, { lr_scheduler_type: "linear", steps: 4 });
  const rateAt = async (step: number) =>
    (await learning.learn(batch, { ...first, step })).statistics["ppo/learning_rate"];
  assert.deepEqual([await rateAt(0), await rateAt(3)], [1e-2, 1e-2 / 4]);
});

Deno.test("mini-batches that are not finite are skipped; the others count", async () => {
  using folder = new TinyT5();
  // The first update throws the parameters so far that what follows overflows.
  await using learning = await openPpo(folder.model, { learning_rate: 1e10 });
  const { updates, statistics } = await learning.learn(batch, first);
  const { train } = learning.learner.state();
  assert.deepEqual(updates.map((u) => u.applied), [true, false, false, false]);
  assert.deepEqual([train.updates, train.skipped], [1, 3]);
  for (const u of updates) assert.equal(u.applied, u.reason === undefined);
  for (const [name, { data }] of train.params) assert.ok(data.every(Number.isFinite), name);
  assert.ok(Object.values(statistics).every(Number.isFinite));
});

Deno.test("what does not fit is named", async () => {
  using folder = new TinyT5();
  await using learning = await openPpo(folder.model);
  const refuse = (change: Partial<ScoredBatch>, message: RegExp) =>
    assert.rejects(learning.learn({ ...batch, ...change }, first), message);
  await refuse({ scores: [1] }, /1 scores: expected 8/);
  await refuse({ rollouts: [] }, /PPO step: there are 0 rollouts; expected 8/);
  const rows = await learning.learner.forward(sequences);
  const short = rows.map((row, i) => i === 1 ? { ...row, values: new Float32Array(1) } : row);
  await refuse({ rollouts: short }, /values of response 1 has 1 numbers; expected 5/);
  await refuse({ scores: batch.scores.map(() => NaN) }, /score of response 0 is NaN/);
  const none = sequences.map((s, i) => i === 2 ? { ...s, mask: s.response.map(() => false) } : s);
  await refuse({ sequences: none }, /no token of response 2 counts/);
  await using groups = await open(pageOf("grpo"), folder.model, {
    num_generations: 4,
  });
  const three = { sequences: sequences.slice(0, 3), scores: [1, 2, 3] };
  await assert.rejects(groups.learn(three, first), /3 responses in groups of 4/);
  assert.equal(learning.learner.state().train.updates, 0);
});
