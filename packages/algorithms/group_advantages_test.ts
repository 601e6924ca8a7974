import assert from "node:assert/strict";
import { groupAdvantages, leaveOneOutAdvantages, zeroStdShare } from "./group_advantages.ts";

const rewards = [1, 3, 0.1, 0.1, -2, 5];
const near = (found: ArrayLike<number>, expected: readonly number[], tolerance = 1e-9) =>
  expected.forEach((x, i) => assert.ok(Math.abs(found[i]! - x) < tolerance, `${i}: ${found[i]}`));

Deno.test("advantages are within groups: they add up to 0 in each, whatever the scale", () => {
  for (const scaleRewards of ["group", "batch", "none"] as const) {
    const found = groupAdvantages(rewards, { numGenerations: 2, scaleRewards });
    for (const g of [0, 2, 4]) near([found[g]! + found[g + 1]!], [0]);
    // Another prompt that is easier by a constant changes nothing but the deviation of the batch.
    const easier = rewards.map((r, i) => i < 2 ? r + 10 : r);
    if (scaleRewards !== "batch") {
      near(groupAdvantages(easier, { numGenerations: 2, scaleRewards }), [...found]);
    }
  }
  near(groupAdvantages(rewards, { numGenerations: 2, scaleRewards: "none" }), [
    -1,
    1,
    0,
    0,
    -3.5,
    3.5,
  ]);
  // Two rewards are 1 / sqrt 2 of their unbiased deviation away from their mean.
  const scaled = groupAdvantages(rewards, { numGenerations: 2, scaleRewards: "group" });
  near(scaled, [-1, 1, 0, 0, -1, 1].map((sign) => sign * Math.SQRT1_2), 1e-4);
});

Deno.test("the baseline of a response is the mean of the others", () => {
  const found = leaveOneOutAdvantages([1, 3, 5, 0, 0, 3], { rlooK: 3, normalizeAdvantages: false });
  near(found, [-3, 0, 3, -1.5, -1.5, 3]);
  // k / (k - 1) times what the mean of all would give.
  const grpo = groupAdvantages([1, 3, 5, 0, 0, 3], { numGenerations: 3, scaleRewards: "none" });
  near(found, [...grpo].map((a) => a * 3 / 2));
  const normal = leaveOneOutAdvantages([1, 3, 5, 0, 0, 3], { rlooK: 3, normalizeAdvantages: true });
  near([normal.reduce((a, b) => a + b)], [0]);
  near([normal.reduce((a, b) => a + b * b, 0) / 5], [1], 1e-3);
});

Deno.test("a group of equals has advantages of exactly 0, and is counted", () => {
  // In doubles the mean of three times 0.1 is not 0.1.
  const equal = [0.1, 0.1, 0.1];
  const none = new Float64Array(3);
  for (const scaleRewards of ["group", "batch", "none"] as const) {
    assert.deepEqual(groupAdvantages(equal, { numGenerations: 3, scaleRewards }), none);
  }
  for (const normalizeAdvantages of [true, false]) {
    assert.deepEqual(leaveOneOutAdvantages(equal, { rlooK: 3, normalizeAdvantages }), none);
  }
  assert.equal(zeroStdShare(equal, 3), 1);
  assert.equal(zeroStdShare(rewards, 2), 1 / 3);
});

Deno.test("a batch that is not whole groups is refused", () => {
  const refuse = (count: number, size: number) =>
    assert.throws(
      () => zeroStdShare(Array(count).fill(1), size),
      new RegExp(`${count} responses in groups of ${size}: expected whole groups of at least 2`),
    );
  refuse(7, 2);
  refuse(4, 1);
  refuse(0, 2);
});
