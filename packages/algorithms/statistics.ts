import { InputError } from "@decorum/tensor";
import type { RolledBatch, Statistics } from "./algorithm.ts";
import { mean, std } from "./moments.ts";
import { sumPerSequence } from "./tokens.ts";

/**
 * Statistics that every algorithm has. Curves, dashboards and alerts are the same for all, so what GRPO and RLOO share with PPO has
 * the names of TRL's `PPOTrainer`.
 */
export const commonMetrics = [
  "objective/kl",
  "objective/kl_coef",
  "objective/entropy",
  "ppo/mean_scores",
  "ppo/std_scores",
  "ppo/learning_rate",
  "ppo/loss/total",
  "tokens/queries_len_mean",
  "tokens/queries_len_std",
  "tokens/responses_len_mean",
  "tokens/responses_len_std",
  "env/reward_mean",
  "env/reward_std",
] as const;

/** Parts of a step that are timed, in seconds. TRL's names. */
export const timingMetrics = [
  "time/ppo/forward_pass",
  "time/ppo/compute_rewards",
  "time/ppo/compute_advantages",
  "time/ppo/optimize_step",
  "time/ppo/calc_stats",
  "time/ppo/total",
] as const;

/** Mean of every statistic over the mini-batches of all epochs; InputError when there are none. */
export function averageStatistics(all: readonly Statistics[]): Statistics {
  const [first] = all;
  if (first === undefined) {
    throw new InputError("Cannot average the metrics of 0 mini-batches: expected at least one");
  }
  return Object.fromEntries(
    Object.keys(first).map((name) => [name, mean(all.map((one) => one[name]!))]),
  );
}

/**
 * Statistics of a batch that every algorithm has. A deviation of one number is 0.
 *
 * @param envRewards scores as the reward gave them
 * @param responseLengths token ids of every response as statistics count them
 */
export function batchStatistics(
  { sequences, offsets, kl, logprobs, scores, klCoef }: RolledBatch,
  { envRewards, responseLengths, learningRate }: {
    readonly envRewards: ArrayLike<number>;
    readonly responseLengths: readonly number[];
    readonly learningRate: number;
  },
): Statistics {
  const queryLengths = sequences.map(({ query }) => query.length);
  return {
    "objective/kl": mean(sumPerSequence(kl, offsets)),
    "objective/kl_coef": klCoef,
    "objective/entropy": -mean(sumPerSequence(logprobs, offsets)),
    "ppo/mean_scores": mean(scores),
    "ppo/std_scores": std(scores),
    "ppo/learning_rate": learningRate,
    "tokens/queries_len_mean": mean(queryLengths),
    "tokens/queries_len_std": std(queryLengths),
    "tokens/responses_len_mean": mean(responseLengths),
    "tokens/responses_len_std": std(responseLengths),
    "env/reward_mean": mean(envRewards),
    "env/reward_std": std(envRewards),
  };
}
