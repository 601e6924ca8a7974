import assert from "node:assert/strict";
import { float32, InputError } from "@decorum/tensor";
import { tokenKl } from "./kl.ts";
import { responseMask } from "./masks.ts";
import { tokenRewards } from "./rewards.ts";
import { assertClose, fixture, recorded } from "./testdata/trl.ts";

const inputs = {
  mask: recorded(fixture.inputs.mask),
  logprobs: recorded(fixture.inputs.logprobs),
  refLogprobs: recorded(fixture.inputs.refLogprobs),
  scores: recorded(fixture.inputs.scores),
};
const { klCoef } = fixture.settings;

for (const kind of ["kl", "abs", "mse"] as const) {
  Deno.test(`rewards of kind ${kind} equal TRL's`, () => {
    const kl = tokenKl({ kind, ...inputs });
    const found = tokenRewards({ kl, scores: inputs.scores, mask: inputs.mask, klCoef });
    assertClose(found.rewards.data, fixture.rewards[kind].data);
    if (kind === "kl") assertClose(found.nonScoreRewards.data, fixture.nonScoreRewards.data);
  });
}

Deno.test("the score is added at the last token of the response, on top of the penalty", () => {
  const { rewards, nonScoreRewards } = tokenRewards({
    kl: float32([2, 3], [1, 2, 9, 3, 4, -1]),
    scores: float32([2], [10, -10]),
    mask: responseMask([2, 3]),
    klCoef: 0.5,
  });
  assert.deepEqual(rewards, float32([2, 3], [-0.5, 9, 0, -1.5, -2, -9.5]));
  assert.deepEqual(nonScoreRewards, float32([2, 3], [-0.5, -1, 0, -1.5, -2, 0.5]));
});

Deno.test("scores that do not fit are refused", () => {
  const mask = responseMask([2, 3]);
  const call = (scores: ReturnType<typeof float32>) => () =>
    tokenRewards({ kl: mask, scores, mask, klCoef: 1 });
  assert.throws(call(float32([3], [1, 2, 3])), /"scores" has shape \[3\]: expected \[2\]/);
  assert.throws(call(float32([2, 1], [1, 2])), InputError);
  assert.throws(call(float32([2], [1, NaN])), /score of response 1 is NaN/);
});
