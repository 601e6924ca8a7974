import { zeroStdShare } from "./group_advantages.ts";
import { maskedMean, mean, std } from "./masked_moments.ts";
import type { GroupGraphMetric, GroupMinibatchStats, GroupStepStats } from "./metric_names.ts";
import { averageStats, type BatchInputs, batchStats } from "./metrics.ts";

/**
 * Metrics of one mini-batch of GRPO or RLOO. What the loss is made of comes from the update's own graph.
 *
 * @param means of the graph's `loss` and statistics
 */
export function groupMinibatchStats(
  samples: readonly { readonly advantage: number }[],
  { loss = NaN, ...statistics }: Readonly<Record<string, number>>,
): GroupMinibatchStats {
  return {
    ...statistics as Record<GroupGraphMetric, number>,
    "ppo/loss/total": loss,
    "ppo/policy/advantages_mean": mean(samples.map((s) => s.advantage)),
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
