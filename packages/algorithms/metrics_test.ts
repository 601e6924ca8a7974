import assert from "node:assert/strict";
import { float32 } from "@decorum/tensor";
import { unmaskedAdvantages } from "./advantages.ts";
import { tokenKl } from "./kl.ts";
import { mapMasked, responseMask } from "./masks.ts";
import { minibatchMetrics, stepMetrics } from "./metric_names.ts";
import { averageStats, minibatchStats, stepStats } from "./metrics.ts";
import { ppoLoss } from "./ppo_graph.ts";
import { tokenRewards } from "./rewards.ts";
import { evaluateLoss } from "./testing/evaluate_loss.ts";
import { assertClose, fixture, recorded, rowsOf } from "./testdata/trl.ts";

const { gamma, lam, klCoef, cliprange, cliprange_value, vf_coef } = fixture.settings;
const mask = recorded(fixture.inputs.mask);
const values = recorded(fixture.inputs.values);
const logprobs = recorded(fixture.inputs.logprobs);
const scores = recorded(fixture.inputs.scores);
const kl = tokenKl({
  kind: "kl",
  logprobs,
  refLogprobs: recorded(fixture.inputs.refLogprobs),
  mask,
});
const { rewards, nonScoreRewards } = tokenRewards({ kl, scores, mask, klCoef });
const { advantages, returns } = unmaskedAdvantages({ rewards, values, mask, gamma, lam });
const oldValues = mapMasked(mask, (i) => values.data[i]!);

/** Metrics of a mini-batch, its loss and statistics from the graph. */
async function statsOf(
  inputs: Readonly<Record<"logprobs" | "values" | "entropy" | typeof fields[number], Float32Array>>,
) {
  const means = await evaluateLoss(
    inputs,
    (x) => ppoLoss(x, x, { cliprange, cliprangeValue: cliprange_value, vfCoef: vf_coef }),
  );
  return minibatchStats([inputs], means);
}

const fields = ["oldLogprobs", "oldValues", "advantages", "returns"] as const;
const whole = { oldLogprobs: logprobs, oldValues, advantages, returns };
const minibatches = await Promise.all(fixture.minibatches.map(({ rows, ...found }) => {
  const counted = rowsOf(mask, rows).data;
  const flat = (all: typeof mask) => all.data.filter((_, i) => counted[i] === 1);
  return statsOf({
    logprobs: flat(recorded(found.logprobs)),
    values: flat(recorded(found.values)),
    entropy: flat(recorded(found.entropy)),
    oldLogprobs: flat(rowsOf(whole.oldLogprobs, rows)),
    oldValues: flat(rowsOf(whole.oldValues, rows)),
    advantages: flat(rowsOf(whole.advantages, rows)),
    returns: flat(rowsOf(whole.returns, rows)),
  });
}));

const step = stepStats({
  kl,
  nonScoreRewards,
  logprobs,
  mask,
  scores: scores.data,
  envRewards: scores.data,
  queryLengths: fixture.queries,
  responseLengths: fixture.lengths,
  klCoef,
  learningRate: 1.41e-5,
  minibatches,
});

Deno.test("metrics of a mini-batch equal those of TRL's loss", () => {
  for (const [i, { stats }] of fixture.minibatches.entries()) {
    assert.deepEqual(Object.keys(stats).sort(), [...minibatchMetrics].sort());
    for (const name of minibatchMetrics) {
      assertClose([minibatches[i]![name]], [stats[name]]);
    }
  }
});

Deno.test("metrics of a step equal those of TRL's record_step_stats", () => {
  const expected: Readonly<Record<string, number>> = fixture.step;
  const ours = new Set(["ppo/learning_rate", "env/reward_mean", "env/reward_std"]);
  for (const [name, value] of Object.entries(step)) {
    if (ours.has(name)) continue;
    assert.ok(name in expected, `TRL has no ${name}`);
    assertClose([value], [expected[name]!]);
  }
  assert.equal(step["ppo/learning_rate"], 1.41e-5);
  assert.equal(step["env/reward_mean"], step["ppo/mean_scores"]);
});

Deno.test("a step has every metric under its name and nothing else", () => {
  assert.deepEqual(Object.keys(step).sort(), [...minibatchMetrics, ...stepMetrics].sort());
  for (const name of Object.keys(fixture.step)) assert.ok(name in step, `${name} is missing`);
});

Deno.test("one response of one token has finite metrics", async () => {
  const one = responseMask([1]);
  const token = Float32Array.of(1);
  const mini = await statsOf({
    logprobs: token,
    values: token,
    entropy: token,
    oldLogprobs: token,
    oldValues: token,
    advantages: token,
    returns: token,
  });
  const stats = stepStats({
    kl: one,
    nonScoreRewards: one,
    logprobs: float32([1, 1], [-1]),
    mask: one,
    scores: [1],
    envRewards: [1],
    queryLengths: [3],
    responseLengths: [1],
    klCoef: 0.2,
    learningRate: 1,
    minibatches: [mini],
  });
  for (const [name, value] of Object.entries(stats)) assert.ok(Number.isFinite(value), name);
  assert.equal(stats["ppo/val/var_explained"], 0);
});

Deno.test("metrics of no mini-batch are refused", () => {
  assert.throws(() => averageStats([]), /0 mini-batches/);
});
