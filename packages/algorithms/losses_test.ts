import assert from "node:assert/strict";
import { float32 } from "@decorum/tensor";
import { policyLoss, probabilityRatio, totalLoss, valueLoss } from "./losses.ts";
import { responseMask } from "./masks.ts";
import { assertClose } from "./testdata/trl.ts";

const mask = responseMask([4], 5);
const row = (...values: number[]) => float32([1, 5], [...values, NaN]);

Deno.test("the policy loss is clipped only where that makes it larger", () => {
  const ratios = [1.5, 1.5, 0.5, 0.5];
  const found = policyLoss({
    logprobs: row(...ratios.map(Math.log)),
    oldLogprobs: row(0, 0, 0, 0),
    advantages: row(1, -1, 1, -1),
    mask,
    cliprange: 0.2,
  });
  // -1.2 (clipped), 1.5, -0.5, 0.8 (clipped)
  assertClose([found.loss], [(-1.2 + 1.5 - 0.5 + 0.8) / 4]);
  assert.equal(found.clipfrac, 0.5);
  const logs = ratios.map(Math.log);
  assertClose([found.approxkl], [logs.reduce((s, x) => s + 0.5 * x * x, 0) / 4]);
  assertClose([found.policykl], [-logs.reduce((s, x) => s + x, 0) / 4]);
  assertClose([found.ratio], [1]);
});

Deno.test("before any update the ratio is 1 and the loss is minus the mean advantage", () => {
  const logprobs = row(-1, -2, -3, -4);
  const advantages = row(1, 2, -3, 4);
  const found = policyLoss({ logprobs, oldLogprobs: logprobs, advantages, mask, cliprange: 0.2 });
  assert.deepEqual(found, { loss: -1, clipfrac: 0, approxkl: 0, policykl: 0, ratio: 1 });
});

Deno.test("the log-ratio clamp keeps the ratio finite and leaves approxkl as it is", () => {
  const wild = {
    logprobs: row(0, 0, 0, 0),
    oldLogprobs: row(-800, 0, 0, 0),
    advantages: row(-1, 0, 0, 0),
    mask,
    cliprange: 0.2,
  };
  assert.equal(policyLoss(wild).loss, Infinity);
  const clamped = policyLoss({ ...wild, logRatioClamp: 2 });
  assertClose([clamped.loss], [Math.exp(2) / 4]);
  assert.equal(clamped.approxkl, 0.5 * 800 * 800 / 4);
  assert.equal(probabilityRatio(-5, 2), Math.exp(-2));
});

Deno.test("the value loss takes the worse of the clipped and the plain error", () => {
  const found = valueLoss({
    values: row(1, 1, 0.1, -1),
    oldValues: row(0, 0, 0, 0),
    returns: row(2, 0, 1, -2),
    mask,
    cliprangeValue: 0.2,
  });
  // plain 1, 1, 0.81, 1; clipped (0.2 - 2)^2 = 3.24, 0.04, 0.81, (-0.2 + 2)^2 = 3.24
  assertClose([found.loss], [0.5 * (3.24 + 1 + 0.81 + 3.24) / 4]);
  assert.equal(found.clipfrac, 0.5);
  assertClose([found.error], [3.81 / 4]);
  assertClose([found.vpred], [1.1 / 4]);
});

Deno.test("the total weighs value loss and entropy bonus", () => {
  const parts = { policy: 1, value: 4, entropy: 2, vfCoef: 0.25 };
  assert.equal(totalLoss(parts), 2);
  assert.equal(totalLoss({ ...parts, entropyCoef: 0.5 }), 1);
});

Deno.test("other shapes and an empty mask are refused", () => {
  const ones = responseMask([2]);
  const inputs = {
    logprobs: ones,
    oldLogprobs: ones,
    advantages: ones,
    mask: ones,
    cliprange: 0.2,
  };
  assert.throws(
    () => policyLoss({ ...inputs, advantages: mask }),
    /"advantages" has shape \[1,5\]/,
  );
  const empty = float32([1, 2], [0, 0]);
  assert.throws(() => policyLoss({ ...inputs, mask: empty }), /0 tokens/);
});
