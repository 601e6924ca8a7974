import assert from "node:assert/strict";
import { float32 } from "@decorum/tensor";
import { computeAdvantages, unmaskedAdvantages } from "./advantages.ts";
import { tokenKl } from "./kl.ts";
import { maskedMean } from "./masked_moments.ts";
import { mapMasked, responseMask } from "./masks.ts";
import { tokenRewards } from "./rewards.ts";
import { assertClose, fixture, recorded } from "./testdata/trl.ts";

const { gamma, lam, klCoef } = fixture.settings;
const mask = recorded(fixture.inputs.mask);
const values = recorded(fixture.inputs.values);
const kl = tokenKl({
  kind: "kl",
  logprobs: recorded(fixture.inputs.logprobs),
  refLogprobs: recorded(fixture.inputs.refLogprobs),
  mask,
});
const { rewards } = tokenRewards({ kl, scores: recorded(fixture.inputs.scores), mask, klCoef });

Deno.test("advantages and returns equal TRL's in its order of operations", () => {
  const found = unmaskedAdvantages({ rewards, values, mask, gamma, lam });
  assertClose(found.advantages.data, fixture.advantages.data);
  assertClose(found.returns.data, fixture.returns.data);
});

Deno.test("advantages and returns equal TRL's where there are tokens, and are 0 elsewhere", () => {
  const found = computeAdvantages({ rewards, values, mask, gamma, lam });
  assertClose(found.advantages.data, mapMasked(mask, (i) => fixture.advantages.data[i]!).data);
  assertClose(found.returns.data, mapMasked(mask, (i) => fixture.returns.data[i]!).data);
});

Deno.test("whitened rewards give TRL's advantages where nothing is padded", () => {
  const firstTwo = (t: typeof mask) => float32([4, 2], t.data.filter((_, i) => i % 6 < 2));
  // TRL computed the rewards over the whole responses before it was cut.
  const found = computeAdvantages({
    rewards: firstTwo(rewards),
    values: firstTwo(values),
    mask: firstTwo(mask),
    gamma,
    lam,
    whitenRewards: true,
  });
  assertClose(found.advantages.data, fixture.whitened.data);
});

Deno.test("whitened rewards do not let padding in", () => {
  const inputs = { gamma: 1, lam: 1, whitenRewards: true };
  const short = computeAdvantages({
    rewards: float32([2, 2], [1, 2, 4, 0]),
    values: float32([2, 2], [0, 0, 0, 0]),
    mask: responseMask([2, 1]),
    ...inputs,
  });
  const padded = computeAdvantages({
    rewards: float32([2, 4], [1, 2, 9, 9, 4, 9, 9, 9]),
    values: float32([2, 4], [0, 0, 9, 9, 0, 9, 9, 9]),
    mask: responseMask([2, 1], 4),
    ...inputs,
  });
  assert.deepEqual([...padded.returns.data.slice(0, 2)], [...short.returns.data.slice(0, 2)]);
  assert.equal(padded.advantages.data[4], short.advantages.data[2]);
  assert.ok(Math.abs(maskedMean(padded.advantages, responseMask([2, 1], 4))) < 1e-7);
});
