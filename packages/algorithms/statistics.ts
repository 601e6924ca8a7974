import { InputError } from "@decorum/tensor";
import type { RolledBatch, Statistics } from "./algorithm.ts";
import { sumPerSequence } from "./tokens.ts";

/** Mean, in double; InputError when there are no numbers. */
export function mean(values: ArrayLike<number>): number {
  if (values.length === 0) throw new InputError("Cannot take a mean of 0 numbers: expected one");
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** Unbiased variance, as `torch.var`; 0 for a single number, where PyTorch says NaN. */
export function variance(values: ArrayLike<number>): number {
  const centre = mean(values);
  if (values.length === 1) return 0;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - centre) ** 2;
  return sum / (values.length - 1);
}

/** Square root of the {@link variance}. */
export function std(values: ArrayLike<number>): number {
  return Math.sqrt(variance(values));
}

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
 * Statistics of a batch that every algorithm has. Curves, dashboards and alerts are the same for all, so what GRPO and RLOO share with
 * PPO has the names of TRL's `PPOTrainer`. A deviation of one number is 0.
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
