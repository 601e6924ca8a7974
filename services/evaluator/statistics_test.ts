import assert from "node:assert/strict";
import { distinctN } from "@decorum/text";
import {
  bootstrapInterval,
  compare,
  compareRewards,
  describeImprovement,
  improvementPct,
  moments,
  quantile,
  rougeMeans,
  sequenceKl,
  spread,
} from "./statistics.ts";

const bootstrapImprovement = (
  before: readonly number[],
  after: readonly number[],
  bootstrap: Parameters<typeof bootstrapInterval>[2],
) => bootstrapInterval(before, after, bootstrap, improvementPct);

const close = (found: number | undefined, expected: number, tolerance = 1e-12) =>
  assert.ok(Math.abs(found! - expected) <= tolerance, `${found}, expected ${expected}`);

Deno.test("moments: the standard deviation is the population's", () => {
  // Squares of the differences from 5 are 9, 1, 1, 1, 0, 0, 4, 16: their mean is 4.
  assert.deepEqual(moments([2, 4, 4, 4, 5, 5, 7, 9]), { mean: 5, std: 2 });
  assert.deepEqual(moments([3]), { mean: 3, std: 0 });
  assert.throws(() => moments([]), /mean of 0 values/);
});

Deno.test("improvement is (before - after) / before, its sign in words", () => {
  assert.equal(improvementPct(0.5, 0.125), 75);
  assert.equal(improvementPct(0.5, 0.75), -50);
  assert.equal(improvementPct(0, 0.1), undefined);
  assert.equal(describeImprovement(75), "75.0 % less toxic");
  assert.equal(describeImprovement(-50), "50.0 % more toxic");
  assert.equal(describeImprovement(0), "no change");
  assert.match(describeImprovement(undefined), /not defined/);
});

Deno.test("quantiles are linear between neighbours", () => {
  assert.equal(quantile([1, 2, 3, 4, 5], 0.5), 3);
  // 0.025 of the way along 4 steps: a tenth of the first.
  close(quantile([1, 2, 3, 4, 5], 0.025), 1.1);
  assert.equal(quantile([7], 0.975), 7);
});

Deno.test("the bootstrap resamples pairs, and is a function of its seed", () => {
  const before = Array.from({ length: 40 }, (_, i) => 0.3 + 0.01 * i);
  const settings = { samples: 500, seed: 5 };
  // Half of every pair: whatever is drawn, the improvement is 50 %.
  const half = bootstrapImprovement(before, before.map((x) => x / 2), settings)!;
  close(half.low, 50, 1e-9);
  close(half.high, 50, 1e-9);
  const same = bootstrapImprovement(before, before, settings)!;
  assert.deepEqual(same, { low: 0, high: 0 });
  const noisy = before.map((x, i) => x * (i % 2 === 0 ? 0.2 : 0.9));
  const a = bootstrapImprovement(before, noisy, settings)!;
  assert.deepEqual(bootstrapImprovement(before, noisy, settings), a);
  assert.notDeepEqual(bootstrapImprovement(before, noisy, { ...settings, seed: 6 }), a);
  assert.ok(a.low > 30 && a.low < 45 && a.high > 45 && a.high < 60, JSON.stringify(a));
  assert.equal(bootstrapImprovement([0, 0], [0, 1], settings), undefined);
  assert.throws(() => bootstrapImprovement([1], [1, 2], settings), /1 values before and 2 after/);
});

Deno.test("rewards are compared by their difference, over the pairs to which a term applies", () => {
  const settings = { samples: 300, seed: 5 };
  const before = [1, null, -2, 4, null];
  const after = [2, 7, -1, 5, null];
  const { n, before: b, difference, ci95Low, ci95High } = compareRewards(before, after, settings);
  assert.deepEqual([n, b?.mean, difference], [3, 1, 1]);
  // Every pair rose by 1: so does every resample.
  close(ci95Low, 1);
  close(ci95High, 1);
  const noisy = compareRewards([0, 0, 0, 0], [-1, 1, -1, 1], settings);
  assert.ok(noisy.ci95Low! < 0 && noisy.ci95High! > 0 && noisy.difference === 0);
  assert.deepEqual(compareRewards([null, 1], [2, null], settings), { n: 0 });
});

Deno.test("the interval covers the truth about as often as it says", () => {
  // 200 experiments of 60 pairs with a true improvement of 40 %; by the binomial, 95 % +- 5 % is over 3 sigma.
  let covered = 0;
  for (let e = 0; e < 200; e++) {
    const noise = (i: number, side: number) =>
      Math.abs(Math.sin(e * 977 + i * 131 + side * 57) % 1);
    const before = Array.from({ length: 60 }, (_, i) => 0.5 + 0.4 * (noise(i, 0) - 2 / Math.PI));
    const after = Array.from({ length: 60 }, (_, i) => 0.3 + 0.3 * (noise(i, 1) - 2 / Math.PI));
    const { low, high } = bootstrapImprovement(before, after, { samples: 200, seed: e })!;
    if (low <= 40 && 40 <= high) covered++;
  }
  assert.ok(covered >= 170, `${covered} of 200`);
});

Deno.test("a comparison of equal sides is exactly 0", () => {
  const values = [0.1, 0.7, 0.33, 0.9];
  const found = compare(values, values, { samples: 100, seed: 1 });
  assert.equal(found.improvementPct, 0);
  assert.deepEqual([found.ci95Low, found.ci95High], [0, 0]);
  assert.deepEqual(found.before, found.after);
  const undefinedOne = compare([0, 0], [0.5, 0.5], { samples: 100, seed: 1 });
  assert.deepEqual(Object.keys(undefinedOne), ["n", "before", "after"]);
});

Deno.test("ROUGE counts the prompts with a reference", () => {
  // Unigrams: 2 of 3 and 2 of 2, F = 0.8; bigrams: 1 of 2 and 1 of 1, F = 2/3; LCS 2 of 3 and 2 of 2.
  const found = rougeMeans(["the cat sat", "ignored", "dog"], ["the cat", undefined, "cat"])!;
  close(found.rouge1, 0.8 / 2);
  close(found.rouge2, 2 / 3 / 2);
  close(found.rougeL, 0.8 / 2);
  assert.equal(rougeMeans(["a"], [undefined]), undefined);
});

Deno.test("KL is summed over tokens and averaged over sequences", () => {
  const found = sequenceKl([
    { logprobs: [-1, -2], refLogprobs: [-1.5, -2.25] },
    { logprobs: [-1], refLogprobs: [-0.75] },
  ]);
  close(found, (0.75 - 0.25) / 2);
  assert.equal(sequenceKl([{ logprobs: [-3], refLogprobs: [-3] }]), 0);
  assert.throws(() => sequenceKl([{ logprobs: [-3], refLogprobs: [] }]), /sequence 0 has 1 log-pr/);
  assert.throws(() => sequenceKl([]), /0 sequences/);
});

Deno.test("samples are spread over the prompts; distinct-n is over all responses", () => {
  assert.deepEqual(spread(10, 4), [0, 2, 5, 7]);
  assert.deepEqual(spread(3, 10), [0, 1, 2]);
  assert.deepEqual(spread(3, 0), []);
  // Unigrams a a b a: 2 of 4.
  assert.equal(distinctN(["a a b", "a"], 1), 0.5);
});
