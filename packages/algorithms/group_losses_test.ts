import assert from "node:assert/strict";
import { float32, randomKey, uniforms } from "@decorum/tensor";
import { grpoLoss, rlooLoss, tokenWeights } from "./group_losses.ts";
import { responseMask } from "./masks.ts";

const lengths = [4, 1, 3];
const mask = responseMask(lengths);
const draw = (label: string) =>
  float32([3, 4], uniforms(randomKey(1, label), 0, 12).map((u) => -u));
const logprobs = draw("logprobs");
const advantages = [1, -2, 0.5];
const clip = { epsilon: 0.2, epsilonHigh: 0.3 };
const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-6, `${a} and ${b}`);
const same = { mask, logprobs, oldLogprobs: logprobs, refLogprobs: logprobs, advantages, ...clip };

Deno.test("at the rollout's policy the loss is minus the advantage, added up as its type says", () => {
  const loss = (lossType: "grpo" | "bnpo" | "dr_grpo") =>
    grpoLoss({ ...same, beta: 0.1, lossType, maxNewTokens: 10 });
  near(loss("grpo").loss, -(1 - 2 + 0.5) / 3);
  near(loss("bnpo").loss, -(4 * 1 - 2 + 3 * 0.5) / 8);
  near(loss("dr_grpo").loss, -(4 * 1 - 2 + 3 * 0.5) / 30);
  near(rlooLoss(same).policy, -(1 - 2 + 0.5) / 3);
  assert.deepEqual([loss("grpo").clipLow, loss("grpo").clipHigh], [0, 0]);
});

Deno.test("weights make a mean over tokens of what each type adds up", () => {
  assert.deepEqual(tokenWeights("bnpo", lengths, 10), [1, 1, 1]);
  const tokens = 8;
  tokenWeights("grpo", lengths, 10).forEach((w, i) => near(w * lengths[i]! / tokens, 1 / 3));
  tokenWeights("dr_grpo", lengths, 10).forEach((w) => near(w / tokens, 1 / 30));
});

Deno.test("gains are cut off above and below, each by its own epsilon; losses are not", () => {
  const one = (shift: number, advantage: number) => {
    const [now, old] = [float32([1, 2], [-1 + shift, -1 + shift]), float32([1, 2], [-1, -1])];
    const rest = { mask: responseMask([2]), logprobs: now, oldLogprobs: old, ...clip };
    return {
      grpo: grpoLoss({
        ...rest,
        refLogprobs: now,
        advantages: [advantage],
        beta: 0,
        lossType: "bnpo",
        maxNewTokens: 2,
      }),
      rloo: rlooLoss({ ...rest, advantages: [advantage] }),
    };
  };
  const up = one(1, 1);
  near(up.grpo.policy, -1.3);
  near(up.rloo.policy, -1.3);
  assert.deepEqual([up.grpo.clipHigh, up.grpo.clipLow, up.rloo.clipHigh], [1, 0, 1]);
  const down = one(-1, -1);
  near(down.grpo.policy, 0.8);
  assert.deepEqual([down.grpo.clipHigh, down.grpo.clipLow, down.rloo.clipLow], [0, 1, 1]);
  // A response is one action: its ratio is the product of its tokens'.
  near(one(1, -1).grpo.policy, Math.E);
  near(one(1, -1).rloo.policy, Math.E ** 2);
});

Deno.test("padding never counts, and what does not fit is named", () => {
  const refLogprobs = draw("reference");
  const spoilt = logprobs.data.map((x, i) => mask.data[i] === 1 ? x : NaN);
  const rest = { beta: 0.1, lossType: "grpo", maxNewTokens: 4, refLogprobs } as const;
  const clean = grpoLoss({ ...same, ...rest });
  assert.deepEqual(grpoLoss({ ...same, ...rest, logprobs: float32([3, 4], spoilt) }), clean);
  assert.throws(
    () => rlooLoss({ ...same, advantages: [1] }),
    /"advantages" has 1 numbers: expected 3/,
  );
});
