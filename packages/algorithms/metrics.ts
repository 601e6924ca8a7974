import { InputError } from "@decorum/tensor";
import { maskedMean, mean, meanOfSums, std, variance } from "./masked_moments.ts";
import type { TokenTensor } from "./masks.ts";
import type { BatchStats, MinibatchStats, PpoGraphMetric, StepStats } from "./metric_names.ts";
import type { PpoSample } from "./sample.ts";

/**
 * Metrics of one mini-batch, as TRL's `PPOTrainer.loss`. What the loss is made of comes from the update's own graph; the value
 * loss is not scaled by `vfCoef`.
 *
 * @param means of the graph's `loss` and statistics
 */
export function minibatchStats(
  samples: readonly Pick<PpoSample, "advantages" | "returns" | "oldValues">[],
  { loss = NaN, ...statistics }: Readonly<Record<string, number>>,
): MinibatchStats {
  const all = (field: "advantages" | "returns" | "oldValues") =>
    samples.flatMap((sample) => [...sample[field]]);
  const [returns, oldValues] = [all("returns"), all("oldValues")];
  return {
    ...statistics as Record<PpoGraphMetric, number>,
    "ppo/loss/total": loss,
    "ppo/policy/advantages_mean": mean(all("advantages")),
    "ppo/returns/mean": mean(returns),
    "ppo/returns/var": variance(returns),
    "ppo/val/mean": mean(oldValues),
    "ppo/val/var": variance(oldValues),
  };
}

/** Mean of every metric over the mini-batches of all epochs; InputError when there are none. */
export function averageStats<S extends Readonly<Record<string, number>>>(stats: readonly S[]): S {
  const [first] = stats;
  if (first === undefined) {
    throw new InputError("Cannot average the metrics of 0 mini-batches: expected at least one");
  }
  const means = Object.keys(first).map((name) => [name, mean(stats.map((s) => s[name]!))]);
  return Object.fromEntries(means) as S;
}

/** What the metrics that every algorithm has are taken from; tensors `[batch, time]` of the whole batch. */
export interface BatchInputs {
  readonly kl: TokenTensor;
  /** Of the rollout. */
  readonly logprobs: TokenTensor;
  readonly mask: TokenTensor;
  /** Scores after normalisation, clipping and penalties: what entered the rewards. */
  readonly scores: ArrayLike<number>;
  /** Scores as the reward model gave them. */
  readonly envRewards: ArrayLike<number>;
  /** Token ids of every query and of every response. */
  readonly queryLengths: readonly number[];
  readonly responseLengths: readonly number[];
  /** The KL coefficient used in this step, before its update. */
  readonly klCoef: number;
  readonly learningRate: number;
}

/** Metrics of a batch that every algorithm has, under TRL's names. A deviation of one number is 0. */
export function batchStats(inputs: BatchInputs): BatchStats {
  const { mask, kl, logprobs, scores, envRewards, queryLengths, responseLengths } = inputs;
  return {
    "objective/kl": meanOfSums(kl, mask),
    "objective/kl_coef": inputs.klCoef,
    "objective/entropy": -meanOfSums(logprobs, mask),
    "ppo/mean_scores": mean(scores),
    "ppo/std_scores": std(scores),
    "ppo/learning_rate": inputs.learningRate,
    "tokens/queries_len_mean": mean(queryLengths),
    "tokens/queries_len_std": std(queryLengths),
    "tokens/responses_len_mean": mean(responseLengths),
    "tokens/responses_len_std": std(responseLengths),
    "env/reward_mean": mean(envRewards),
    "env/reward_std": std(envRewards),
  };
}

/** What the metrics of a PPO step are taken from. */
export interface StepInputs extends BatchInputs {
  readonly nonScoreRewards: TokenTensor;
  /** One for every mini-batch of every epoch. */
  readonly minibatches: readonly MinibatchStats[];
}

/**
 * Metrics of a step under TRL's names, as its `record_step_stats`. A deviation of one number is 0, and so
 * is `ppo/val/var_explained` when the returns do not vary (PyTorch would say NaN or infinity).
 *
 * @throws InputError when shapes differ
 * @throws InputError when the batch or the list of mini-batches is empty
 */
export function stepStats(inputs: StepInputs): StepStats {
  const averages = averageStats(inputs.minibatches);
  const returnsVar = averages["ppo/returns/var"];
  return {
    ...batchStats(inputs),
    "ppo/mean_non_score_reward": maskedMean(inputs.nonScoreRewards, inputs.mask),
    ...averages,
    "ppo/val/var_explained": returnsVar > 0 ? 1 - averages["ppo/val/error"] / returnsVar : 0,
  };
}
