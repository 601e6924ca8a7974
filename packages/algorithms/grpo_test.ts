import assert from "node:assert/strict";
import { grpo } from "./grpo.ts";
import { zeroStdShare } from "./groups.ts";
import { evaluateLoss } from "./testing/evaluate_loss.ts";
import { rolled } from "./testing/runs.ts";

const rewards = [1, 3, 0.1, 0.1, -2, 5];
const near = (found: ArrayLike<number>, expected: readonly number[], tolerance = 1e-9) =>
  expected.forEach((x, i) => assert.ok(Math.abs(found[i]! - x) < tolerance, `${i}: ${found[i]}`));
type Settings = Parameters<typeof grpo.open>[0];
const open = (change: Settings) =>
  grpo.open({ num_generations: 2, batch_size: 48, epsilon_high: 0.3, ...change });

function advantagesOf(scores: readonly number[], change: Settings): number[] {
  const algorithm = open(change);
  const batch = rolled(scores.map(() => [-1]), scores);
  return algorithm.samples(batch, algorithm.rewards(batch)).map((s) => s.advantage);
}

Deno.test("advantages are within groups: they add up to 0 in each, whatever the scale", () => {
  for (const scale_rewards of ["group", "batch", "none"] as const) {
    const found = advantagesOf(rewards, { scale_rewards });
    for (const g of [0, 2, 4]) near([found[g]! + found[g + 1]!], [0]);
    // Another prompt that is easier by a constant changes nothing but the deviation of the batch.
    const easier = rewards.map((r, i) => i < 2 ? r + 10 : r);
    if (scale_rewards !== "batch") near(advantagesOf(easier, { scale_rewards }), found);
  }
  near(advantagesOf(rewards, { scale_rewards: "none" }), [-1, 1, 0, 0, -3.5, 3.5]);
  // Two rewards are 1 / sqrt 2 of their unbiased deviation away from their mean.
  const scaled = advantagesOf(rewards, { scale_rewards: "group" });
  near(scaled, [-1, 1, 0, 0, -1, 1].map((sign) => sign * Math.SQRT1_2), 1e-4);
});

Deno.test("a group of equals has advantages of exactly 0, and is counted", () => {
  // In doubles the mean of three times 0.1 is not 0.1.
  const equal = [0.1, 0.1, 0.1];
  for (const scale_rewards of ["group", "batch", "none"] as const) {
    assert.deepEqual(advantagesOf(equal, { num_generations: 3, scale_rewards }), [0, 0, 0]);
  }
  assert.equal(zeroStdShare(equal, 3), 1);
  assert.equal(zeroStdShare(rewards, 2), 1 / 3);
  for (const [count, size] of [[7, 2], [4, 1], [0, 2]] as const) {
    assert.throws(
      () => zeroStdShare(Array(count).fill(1), size),
      new RegExp(`${count} responses in groups of ${size}: expected whole groups of at least 2`),
    );
  }
});

/** The loss of responses with these advantages whose policy has moved by so much. */
async function lossOf(
  lengths: readonly number[],
  advantages: readonly number[],
  change: Settings,
  moved = 0,
  beta = 0.1,
) {
  const algorithm = open(change);
  const samples = lengths.map((length, i) => ({
    sequence: { query: [2], response: Array<number>(length).fill(3) },
    oldLogprobs: new Float32Array(length).fill(-1),
    refLogprobs: new Float32Array(length).fill(-1 + moved),
    advantage: advantages[i]!,
    beta,
  }));
  const tokens = samples.flatMap((s) => [...s.oldLogprobs]);
  return await evaluateLoss(
    algorithm.loss,
    { logprobs: tokens.map((x) => x + moved), entropy: tokens },
    algorithm.feeds(samples, { all: samples, atReference: false }),
  );
}

Deno.test("at the rollout's policy the loss is minus the advantage, added up as its type says", async () => {
  const loss = async (loss_type: Settings["loss_type"]) => {
    const found = await lossOf([4, 1, 3], [1, -2, 0.5], { loss_type, max_new_tokens: 10 });
    assert.deepEqual([found["clip_ratio/low_mean"], found["clip_ratio/high_mean"]], [0, 0]);
    return found["loss"]!;
  };
  near(
    [await loss("grpo"), await loss("bnpo"), await loss("dr_grpo")],
    [-(1 - 2 + 0.5) / 3, -(4 * 1 - 2 + 3 * 0.5) / 8, -(4 * 1 - 2 + 3 * 0.5) / 30],
    1e-6,
  );
});

Deno.test("gains are cut off above and below, each by its own epsilon; losses are not", async () => {
  const one = async (shift: number, advantage: number) => {
    const found = await lossOf([2], [advantage], {}, shift, 0);
    return ["ppo/loss/policy", "clip_ratio/low_mean", "clip_ratio/high_mean"].map((n) => found[n]!);
  };
  near(await one(1, 1), [-1.3, 0, 1], 1e-6);
  near(await one(-1, -1), [0.8, 1, 0], 1e-6);
  near(await one(1, -1), [Math.E, 0, 0], 1e-6);
});
