import assert from "node:assert/strict";
import { rloo as page } from "./rloo.ts";
import { evaluateLoss } from "./testing/evaluate_loss.ts";
import { rolled } from "./testing/runs.ts";

const near = (found: ArrayLike<number>, expected: readonly number[], tolerance = 1e-9) =>
  expected.forEach((x, i) => assert.ok(Math.abs(found[i]! - x) < tolerance, `${i}: ${found[i]}`));
const given = { rloo_k: 3, batch_size: 15, epsilon_high: 0.3, mini_batch_size: 3 };
const rloo = page.open(given);

function advantagesOf(scores: readonly number[], normalize_advantages = false): number[] {
  const algorithm = page.open({ ...given, normalize_advantages });
  const batch = rolled(scores.map(() => [-1]), scores);
  return algorithm.samples(batch, algorithm.rewards(batch)).map((s) => s.advantage);
}

Deno.test("a response pays for the KL of all its tokens", () => {
  const kl = Float32Array.of(1, 2, 3);
  near(rloo.rewards(rolled([[-1, -1], [-1]], [10, 20], { kl, klCoef: 0.5 })), [8.5, 18.5]);
});

Deno.test("the baseline of a response is the mean of the others", () => {
  near(advantagesOf([1, 3, 5, 0, 0, 3]), [-3, 0, 3, -1.5, -1.5, 3]);
  const normal = advantagesOf([1, 3, 5, 0, 0, 3], true);
  near([normal.reduce((a, b) => a + b)], [0]);
  near([normal.reduce((a, b) => a + b * b, 0) / 5], [1], 1e-3);
  for (const normalize_advantages of [true, false]) {
    assert.deepEqual(advantagesOf([0.1, 0.1, 0.1], normalize_advantages), [0, 0, 0]);
  }
});

/** The loss of responses with these advantages whose policy has moved by so much a token. */
async function lossOf(lengths: readonly number[], advantages: readonly number[], moved = 0) {
  const samples = lengths.map((length, i) => ({
    sequence: { query: [2], response: Array<number>(length).fill(3) },
    oldLogprobs: new Float32Array(length).fill(-1),
    advantage: advantages[i]!,
  }));
  const tokens = samples.flatMap((s) => [...s.oldLogprobs]);
  return await evaluateLoss(
    rloo.loss,
    { logprobs: tokens.map((x) => x + moved), entropy: tokens.map((_, i) => i) },
    rloo.feeds(samples, { all: samples, atReference: false }),
  );
}

Deno.test("a response is one action: its ratio is the product of its tokens'; gains are cut off", async () => {
  near([(await lossOf([4, 1, 3], [1, -2, 0.5]))["loss"]!], [-(1 - 2 + 0.5) / 3], 1e-6);
  const one = async (moved: number, advantage: number) => {
    const found = await lossOf([2], [advantage], moved);
    return ["ppo/loss/policy", "clip_ratio/low_mean", "clip_ratio/high_mean"].map((n) => found[n]!);
  };
  near(await one(1, 1), [-1.3, 0, 1], 1e-6);
  near(await one(-1, -1), [0.8, 1, 0], 1e-6);
  near(await one(1, -1), [Math.E ** 2, 0, 0], 1e-5);
});

Deno.test("entropy and approxkl are means over tokens", async () => {
  const found = await lossOf([4, 1, 3], [1, -2, 0.5], 0.5);
  near([found["ppo/policy/entropy"]!, found["ppo/policy/approxkl"]!], [3.5, 0.125], 1e-6);
});
