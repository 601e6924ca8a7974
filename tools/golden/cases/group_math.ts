import {
  groupAdvantages,
  grpoLoss,
  type GrpoLossType,
  leaveOneOutAdvantages,
  rlooLoss,
  type ScaleRewards,
  sumPerSequence,
  tokenKl,
  zeroStdShare,
} from "@decorum/algorithms";
import { float32, type Tensor } from "@decorum/tensor";
import { constantOf, type GoldenCase, inputOf } from "../case.ts";

const scales: readonly ScaleRewards[] = ["group", "batch", "none"];
const lossTypes: readonly GrpoLossType[] = ["grpo", "bnpo", "dr_grpo"];

/** Advantages and losses of GRPO and RLOO. */
export function groupMath(golden: GoldenCase): Map<string, Tensor> {
  const of = (name: string) => inputOf(golden, name, "float32");
  const [logprobs, oldLogprobs, refLogprobs] = [
    of("logprobs"),
    of("old_logprobs"),
    of("ref_logprobs"),
  ];
  const [mask, scores] = [of("mask"), of("scores").data];
  const constant = (name: string, otherwise: number) => constantOf(golden, name, otherwise);
  const size = constant("group_size", 4);
  const beta = constant("beta", 0.1);
  const clip = { epsilon: constant("epsilon", 0.2), epsilonHigh: constant("epsilon_high", 0.28) };
  const found = new Map<string, Tensor>();
  const put = (name: string, values: ArrayLike<number>) =>
    found.set(name, float32([values.length], Float32Array.from(values)));
  for (const scaleRewards of scales) {
    put(
      `advantages.${scaleRewards}`,
      groupAdvantages(scores, { numGenerations: size, scaleRewards }),
    );
  }
  const advantages = groupAdvantages(scores, { numGenerations: size, scaleRewards: "group" });
  for (const lossType of lossTypes) {
    const { tokens, ...loss } = grpoLoss({
      ...{ logprobs, oldLogprobs, refLogprobs, mask, advantages, beta, lossType, ...clip },
      maxNewTokens: constant("max_new_tokens", 12),
    });
    put(`grpo.loss.${lossType}`, [loss.loss]);
    put("grpo.clip_low", [loss.clipLow]);
    put("grpo.clip_high", [loss.clipHigh]);
    found.set("grpo.tokens", tokens);
  }
  const kl = tokenKl({ kind: "kl", logprobs: oldLogprobs, refLogprobs, mask });
  const rewards = sumPerSequence(kl, mask).map((sum, i) => scores[i]! - beta * sum);
  const rloo = leaveOneOutAdvantages(rewards, { rlooK: size, normalizeAdvantages: false });
  const loss = rlooLoss({ logprobs, oldLogprobs, mask, advantages: rloo, ...clip });
  put("rloo.rewards", rewards);
  put("rloo.advantages", rloo);
  put(
    "rloo.normalized",
    leaveOneOutAdvantages(rewards, { rlooK: size, normalizeAdvantages: true }),
  );
  put("rloo.sequences", loss.sequences);
  put("rloo.loss", [loss.policy]);
  put("rloo.clip_low", [loss.clipLow]);
  put("rloo.clip_high", [loss.clipHigh]);
  return put("frac_reward_zero_std", [zeroStdShare(scores, size)]);
}
