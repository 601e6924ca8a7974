import { zeroStdShare } from "./group_advantages.ts";
import type { GroupLoss } from "./group_losses.ts";
import { maskedMean, mean, meanOverMask, std } from "./masked_moments.ts";
import type { TokenTensor } from "./masks.ts";
import type { GroupMinibatchStats, GroupStepStats } from "./metric_names.ts";
import { averageStats, type BatchInputs, batchStats } from "./metrics.ts";

/** What the metrics of a mini-batch of GRPO or RLOO are taken from; tensors `[batch, time]`. */
export interface GroupMinibatchInputs {
  readonly loss: GroupLoss;
  /** With the KL in it, where the algorithm has it there. */
  readonly totalLoss: number;
  readonly logprobs: TokenTensor;
  readonly oldLogprobs: TokenTensor;
  /** Of the whole distribution at each token, in nats. */
  readonly entropy: TokenTensor;
  readonly mask: TokenTensor;
  /** `[batch]` */
  readonly advantages: ArrayLike<number>;
}

/** Metrics of one mini-batch. */
export function groupMinibatchStats(inputs: GroupMinibatchInputs): GroupMinibatchStats {
  const { loss, totalLoss, logprobs, oldLogprobs, entropy, mask, advantages } = inputs;
  const logRatio = (i: number) => logprobs.data[i]! - oldLogprobs.data[i]!;
  const clipped = loss.clipLow + loss.clipHigh;
  return {
    "ppo/loss/policy": loss.policy,
    "ppo/loss/total": totalLoss,
    "ppo/policy/entropy": maskedMean(entropy, mask),
    "ppo/policy/approxkl": meanOverMask(mask, (i) => 0.5 * logRatio(i) ** 2),
    "ppo/policy/policykl": meanOverMask(mask, (i) => -logRatio(i)),
    "ppo/policy/clipfrac": clipped,
    "ppo/policy/advantages_mean": mean(advantages),
    "clip_ratio/low_mean": loss.clipLow,
    "clip_ratio/high_mean": loss.clipHigh,
    "clip_ratio/region_mean": clipped,
  };
}

/** What the metrics of a step of GRPO or RLOO are taken from. */
export interface GroupStepInputs extends BatchInputs {
  /** What the advantages are made of, `[batch]`: RLOO's have the KL penalty in them. */
  readonly rewards: ArrayLike<number>;
  /** Responses to a prompt. */
  readonly groupSize: number;
  /** One for every mini-batch of every epoch. */
  readonly minibatches: readonly GroupMinibatchStats[];
}

/**
 * Metrics of a step. `kl` is the mean over the tokens, `objective/kl` the mean over the sequences of their sums.
 *
 * @throws InputError when the batch is not whole groups, or the list of mini-batches is empty
 */
export function groupStepStats(inputs: GroupStepInputs): GroupStepStats {
  const { kl, mask, rewards, scores, groupSize } = inputs;
  return {
    ...batchStats(inputs),
    "objective/non_score_reward": mean(Array.from(rewards, (reward, i) => reward - scores[i]!)),
    ...averageStats(inputs.minibatches),
    "kl": maskedMean(kl, mask),
    "reward": mean(rewards),
    "reward_std": std(rewards),
    "frac_reward_zero_std": zeroStdShare(rewards, groupSize),
  };
}
