import { InputError } from "@decorum/tensor";
import { policyLoss, type PolicyLossInputs, totalLoss, valueLoss } from "./losses.ts";
import { maskedMean, maskedVar, mean, meanOfSums, std } from "./masked_moments.ts";
import { tokenCount, tokenShape, type TokenTensor } from "./masks.ts";
import type { BatchStats, MinibatchStats, StepStats } from "./metric_names.ts";

/** What the metrics of a mini-batch are taken from; tensors `[batch, time]`. */
export interface MinibatchInputs extends PolicyLossInputs {
  /** Under the value head as it is now. */
  readonly values: TokenTensor;
  /** Of the rollout. */
  readonly oldValues: TokenTensor;
  readonly returns: TokenTensor;
  /** Entropy of the whole distribution at each token, under the policy as it is now, in nats. */
  readonly entropy: TokenTensor;
  readonly cliprangeValue: number;
  readonly vfCoef: number;
  readonly entropyCoef?: number;
}

/**
 * Metrics of one mini-batch, as TRL's `PPOTrainer.loss`. The value loss is not scaled by `vfCoef`.
 *
 * @throws InputError when shapes differ
 * @throws InputError when the mask has no token
 */
export function minibatchStats(inputs: MinibatchInputs): MinibatchStats {
  const { mask, entropy, advantages, returns, oldValues, vfCoef, entropyCoef = 0 } = inputs;
  tokenShape({ mask, entropy });
  const pg = policyLoss(inputs);
  const vf = valueLoss(inputs);
  const meanEntropy = maskedMean(entropy, mask);
  const total = { policy: pg.loss, value: vf.loss, entropy: meanEntropy, vfCoef, entropyCoef };
  return {
    "ppo/loss/policy": pg.loss,
    "ppo/loss/value": vf.loss,
    "ppo/loss/total": totalLoss(total),
    "ppo/policy/entropy": meanEntropy,
    "ppo/policy/approxkl": pg.approxkl,
    "ppo/policy/policykl": pg.policykl,
    "ppo/policy/clipfrac": pg.clipfrac,
    "ppo/policy/advantages_mean": maskedMean(advantages, mask),
    "ppo/returns/mean": maskedMean(returns, mask),
    "ppo/returns/var": varianceOr0(returns, mask),
    "ppo/val/vpred": vf.vpred,
    "ppo/val/error": vf.error,
    "ppo/val/clipfrac": vf.clipfrac,
    "ppo/val/mean": maskedMean(oldValues, mask),
    "ppo/val/var": varianceOr0(oldValues, mask),
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

function varianceOr0(values: TokenTensor, mask: TokenTensor): number {
  return tokenCount(mask) < 2 ? 0 : maskedVar(values, mask);
}
