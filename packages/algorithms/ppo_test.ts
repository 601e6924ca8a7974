import assert from "node:assert/strict";
import fc from "fast-check";
import { statistics as promised } from "@decorum/testing/statistics";
import { meanGradients } from "@decorum/optim";
import { noise, randomAdapter, randomValueHead, TinyT5 } from "@decorum/testing/t5";
import { gradientMismatches, randomSequences } from "@decorum/testing/training";
import { tokenKl } from "./kl.ts";
import { gae, ppo as page, whiten } from "./ppo.ts";
import { averageStatistics, batchStatistics, mean, variance } from "./statistics.ts";
import { assertClose, counted, fixture, lengths } from "./testdata/trl.ts";
import { evaluateLoss } from "./testing/evaluate_loss.ts";
import { open, rolled } from "./testing/runs.ts";
import { type Offsets, offsetsOf } from "./tokens.ts";

const { gamma, lam, klCoef, cliprange, cliprange_value, vf_coef } = fixture.settings;
const settings = { gamma, lam, cliprange, cliprange_value, vf_coef };
const ppo = page.open(settings);
const logprobs = counted(fixture.inputs.logprobs);
const refLogprobs = counted(fixture.inputs.refLogprobs);
const values = counted(fixture.inputs.values);
const batchOf = (kind: "kl" | "abs" | "mse") => ({
  ...rolled(lengths.map((n) => Array(n).fill(0)), fixture.inputs.scores.data, { klCoef }),
  ...{ logprobs, refLogprobs, values, kl: tokenKl(kind, logprobs, refLogprobs) },
});
const batch = batchOf("kl");

for (const kind of ["kl", "abs", "mse"] as const) {
  Deno.test(`rewards of kind ${kind} equal TRL's`, () => {
    assertClose(ppo.rewards(batchOf(kind)), counted(fixture.rewards[kind]));
  });
}

Deno.test("the score is added at the last token of the response, on top of the penalty", () => {
  const kl = Float32Array.of(1, 2, 3, 4, -1);
  const rewards = ppo.rewards(rolled([[0, 0], [0, 0, 0]], [10, -10], { kl, klCoef: 0.5 }));
  assert.deepEqual(rewards, Float32Array.of(-0.5, 9, -1.5, -2, -9.5));
});

const samples = ppo.samples(batch, ppo.rewards(batch));

Deno.test("advantages and returns equal TRL's", () => {
  const offsets = offsetsOf(lengths);
  const all = (rows: readonly Float32Array[]) => rows.flatMap((row) => [...row]);
  assertClose(all(samples.map((s) => s.advantages)), counted(fixture.advantages));
  assertClose(all(samples.map((s) => s.returns)), counted(fixture.returns));
  assert.equal(samples.length, offsets.length - 1);
});

Deno.test("whitened rewards give TRL's advantages where nothing is padded", () => {
  // TRL computed the rewards over the whole responses before it was cut to two tokens of each.
  const firstTwo = (all: Float32Array) => all.filter((_, i) => tokens[i]! < 2);
  const tokens = lengths.flatMap((n) => Array.from({ length: n }, (_, t) => t));
  const cut = {
    ...rolled(lengths.map(() => [0, 0]), fixture.inputs.scores.data),
    values: firstTwo(values),
  };
  const whitening = page.open({ ...settings, whiten_rewards: true });
  const found = whitening.samples(cut, firstTwo(ppo.rewards(batch)));
  assertClose(found.flatMap((s) => [...s.advantages]), fixture.whitened.data);
});

const statistics = await Promise.all(
  fixture.minibatches.map(async ({ rows, ...found }) => {
    const chosen = rows.map((row) => samples[row]!);
    const policy = {
      logprobs: counted(found.logprobs, rows),
      values: counted(found.values, rows),
      entropy: counted(found.entropy, rows),
    };
    const { loss, ...means } = await evaluateLoss(
      ppo.loss,
      policy,
      ppo.feeds(chosen),
    );
    return { ...means, "ppo/loss/total": loss!, ...ppo.minibatchStatistics(chosen) };
  }),
);

Deno.test("statistics of a mini-batch equal those of TRL's loss", () => {
  for (const [i, { stats }] of fixture.minibatches.entries()) {
    const found: Record<string, number> = statistics[i]!;
    assert.deepEqual(Object.keys(found).sort(), Object.keys(stats).sort());
    for (const [name, expected] of Object.entries(stats)) assertClose([found[name]!], [expected]);
  }
});

Deno.test("statistics of a step equal those of TRL's record_step_stats, and have the names that are promised", () => {
  const averages = averageStatistics(statistics);
  const common = batchStatistics(
    {
      ...batch,
      sequences: fixture.queries.map((n) => ({ query: Array(n).fill(2), response: [3] })),
    },
    { envRewards: batch.scores, responseLengths: fixture.lengths, learningRate: 1.41e-5 },
  );
  const step: Record<string, number> = {
    ...common,
    ...averages,
    ...ppo.stepStatistics(batch, [], averages),
  };
  for (const [name, value] of Object.entries(fixture.step)) assertClose([step[name]!], [value]);
  assert.deepEqual(Object.keys(step).sort(), promised.ppo.toSorted());
  assert.equal(step["env/reward_mean"], step["ppo/mean_scores"]);
});

/** The loss of tokens whose policy was 1, at a value of 0, at rollout. */
async function lossOf(
  inputs: { logRatios: number[]; advantages: number[]; values?: number[]; returns?: number[] },
  change: Parameters<typeof page.open>[0] = {},
) {
  const { logRatios, advantages, values = logRatios.map(() => 0), returns = values } = inputs;
  const zeros = logRatios.map(() => 0);
  return await evaluateLoss(
    page.open({ ...settings, ...change }).loss,
    { logprobs: logRatios, values, entropy: logRatios.map(() => 2) },
    { old_logprobs: zeros, old_values: zeros, advantages, returns },
  );
}

Deno.test("the policy loss is clipped only where that makes it larger", async () => {
  const ratios = [1.5, 1.5, 0.5, 0.5];
  const logRatios = ratios.map(Math.log);
  const found = await lossOf({ logRatios, advantages: [1, -1, 1, -1] });
  // -1.2 (clipped), 1.5, -0.5, 0.8 (clipped)
  assertClose([found["ppo/loss/policy"]!], [(-1.2 + 1.5 - 0.5 + 0.8) / 4]);
  assert.equal(found["ppo/policy/clipfrac"], 0.5);
  assertClose([found["ppo/policy/approxkl"]!], [
    logRatios.reduce((sum, x) => sum + 0.5 * x * x, 0) / 4,
  ]);
  assertClose([found["ppo/policy/policykl"]!], [-logRatios.reduce((sum, x) => sum + x, 0) / 4]);
});

Deno.test("the log-ratio clamp keeps the ratio finite and leaves approxkl as it is", async () => {
  const wild = { logRatios: [800, 0, 0, 0], advantages: [-1, 0, 0, 0] };
  assert.equal((await lossOf(wild))["ppo/loss/policy"], Infinity);
  const clamped = await lossOf(wild, { log_ratio_clamp: 2 });
  assertClose([clamped["ppo/loss/policy"]!], [Math.exp(2) / 4]);
  assert.equal(clamped["ppo/policy/approxkl"], 0.5 * 800 * 800 / 4);
});

Deno.test("the value loss takes the worse of the clipped and the plain error", async () => {
  const found = await lossOf({
    logRatios: [0, 0, 0, 0],
    advantages: [0, 0, 0, 0],
    values: [1, 1, 0.1, -1],
    returns: [2, 0, 1, -2],
  }, { vf_coef: 0.25, entropy_coef: 0.5 });
  // plain 1, 1, 0.81, 1; clipped (0.2 - 2)^2 = 3.24, 0.04, 0.81, (-0.2 + 2)^2 = 3.24
  const value = 0.5 * (3.24 + 1 + 0.81 + 3.24) / 4;
  assertClose([found["ppo/loss/value"]!], [value]);
  assert.equal(found["ppo/val/clipfrac"], 0.5);
  assertClose([found["ppo/val/error"]!], [3.81 / 4]);
  assertClose([found["ppo/val/vpred"]!], [1.1 / 4]);
  assertClose([found["loss"]!], [0.25 * value - 0.5 * 2]);
});

const cases = {
  "FLAN's gated, untied": { json: {}, loss: {} },
  "T5 1.0's ReLU, tied": {
    json: { feed_forward_proj: "relu", tie_word_embeddings: true },
    loss: {},
  },
  "entropy bonus and clamp": { json: {}, loss: { entropy_coef: 0.05, log_ratio_clamp: 3 } },
};

for (const [name, { json, loss }] of Object.entries(cases)) {
  Deno.test(`the gradient agrees with differences: ${name}`, async () => {
    using folder = new TinyT5({ json });
    const targetModules = ["q", "k", "v", "o", "wo"];
    const lora = { r: 2, loraAlpha: 4, loraDropout: 0, targetModules };
    await using learning = await open(
      page,
      folder.model,
      { vf_coef: 0.5, micro_batch_size: 2, ...loss },
      {
        lora,
        start: {
          parameters: randomAdapter(folder.model, lora),
          valueHead: randomValueHead(16),
        },
      },
    );
    const { learner } = learning;
    const sequences = randomSequences(4);
    const now = await learner.forward(sequences);
    const samples = sequences.map((sequence, i) => {
      const { logprobs, values } = now[i]!;
      const random = (label: string, scale: number) =>
        noise(`${label} ${i}`, [logprobs.length], scale).data;
      return {
        sequence,
        // Some ratios inside the clip range and some far outside, none at its edge.
        oldLogprobs: logprobs.map((x, t) => x + [0, 0.6, -0.7][t % 3]!),
        oldValues: values.map((x, t) => x + [0.01, 0.9][t % 2]!),
        advantages: random("advantage", 1),
        returns: random("return", 1),
      };
    });
    const gradients = await learner.gradients(samples, { temperature: 0.8 });
    const grads = meanGradients(gradients.accumulation);
    const state = learner.state();
    const mismatches = await gradientMismatches(state.train.params, grads, async (params) => {
      learner.restore({ ...state, train: { ...state.train, params } });
      return (await learner.gradients(samples, { temperature: 0.8 })).loss;
    });
    assert.deepEqual(mismatches, []);
    assert.ok(grads.size > 40);
  });
}

Deno.test("advantages of two tokens by hand", () => {
  const { advantages, returns } = gae(
    Float32Array.of(1, 2),
    Float32Array.of(0.5, 0.25),
    [0, 2],
    { gamma: 0.5, lam: 0.5 },
  );
  // delta1 = 2 - 0.25 = 1.75; delta0 = 1 + 0.5 * 0.25 - 0.5 = 0.625; A0 = 0.625 + 0.25 * 1.75 = 1.0625
  assert.deepEqual(advantages, Float32Array.of(1.0625, 1.75));
  assert.deepEqual(returns, Float32Array.of(1.5625, 2));
});

interface Case {
  readonly rewards: Float32Array;
  readonly values: Float32Array;
  readonly offsets: Offsets;
}
const tokenCases: fc.Arbitrary<Case> = fc.array(fc.integer({ min: 1, max: 8 }), {
  minLength: 1,
  maxLength: 4,
}).chain((lengths) => {
  const offsets = offsetsOf(lengths);
  const n = offsets.at(-1)!;
  const tokens = fc.array(fc.float({ min: -3, max: 3, noNaN: true }), {
    minLength: n,
    maxLength: n,
  }).map((xs) => Float32Array.from(xs));
  return fc.record({ rewards: tokens, values: tokens, offsets: fc.constant(offsets) });
});
const unit = fc.double({ min: 0, max: 1, noNaN: true });
const ends = (offsets: Offsets) => offsets.slice(1).map((end, i) => [offsets[i]!, end] as const);

Deno.test("with lam = 1 the advantage is the discounted return minus the value", () => {
  fc.assert(fc.property(tokenCases, unit, ({ rewards, values, offsets }, gamma) => {
    const { advantages, returns } = gae(rewards, values, offsets, { gamma, lam: 1 });
    for (const [start, end] of ends(offsets)) {
      let discounted = 0;
      for (let i = end - 1; i >= start; i--) {
        discounted = rewards[i]! + gamma * discounted;
        assertClose([returns[i]!], [discounted], 1e-5);
        assertClose([advantages[i]!], [discounted - values[i]!], 1e-5);
      }
    }
  }));
});

Deno.test("with lam = 0 the advantage is the error of one step", () => {
  fc.assert(fc.property(tokenCases, unit, ({ rewards, values, offsets }, gamma) => {
    const { advantages } = gae(rewards, values, offsets, { gamma, lam: 0 });
    for (const [start, end] of ends(offsets)) {
      for (let i = start; i < end; i++) {
        const next = i + 1 < end ? values[i + 1]! : 0;
        assertClose([advantages[i]!], [rewards[i]! + gamma * next - values[i]!], 1e-5);
      }
    }
  }));
});

Deno.test("1, 3 and 5 become -1, 0 and 1; with the mean kept 2, 3 and 4", () => {
  const values = Float32Array.of(1, 3, 5);
  assert.deepEqual([...whiten(values)], [-1, 0, 1]);
  assert.deepEqual([...whiten(values, { shiftMean: false })], [2, 3, 4]);
  assert.deepEqual(whiten(Float32Array.of(7, 7)), Float32Array.of(0, 0));
});

Deno.test("whitened values have mean 0 and variance 1", () => {
  const numbers = fc.array(fc.float({ min: -50, max: 50, noNaN: true }), {
    minLength: 3,
    maxLength: 30,
  }).filter((xs) => Math.max(...xs) - Math.min(...xs) > 0.1);
  fc.assert(fc.property(numbers, (xs) => {
    const white = whiten(Float32Array.from(xs));
    assert.ok(Math.abs(mean(white)) < 1e-5);
    assert.ok(Math.abs(variance(white) - 1) < 1e-4);
  }));
});

Deno.test("advantages of what does not fit are refused by name", () => {
  const tokens = Float32Array.of(1, 2);
  const call = (change: { gamma?: number; lam?: number }, values = tokens) => () =>
    gae(tokens, values, [0, 2], { gamma: 1, lam: 1, ...change });
  assert.throws(call({ gamma: 1.1 }), /gamma is 1.1/);
  assert.throws(call({ lam: NaN }), /lam is NaN/);
  assert.throws(call({}, Float32Array.of(1)), /"values" has 1 numbers: expected 2/);
  assert.throws(() => whiten(Float32Array.of(1)), /1 token\(s\): expected at least 2/);
});
