/** Statistics that come out of PPO's update graph, means over the tokens of a mini-batch. TRL's names. */
const ppoGraphMetrics = [
  "ppo/loss/policy",
  "ppo/loss/value",
  "ppo/policy/entropy",
  "ppo/policy/approxkl",
  "ppo/policy/policykl",
  "ppo/policy/clipfrac",
  "ppo/val/vpred",
  "ppo/val/error",
  "ppo/val/clipfrac",
] as const;
export type PpoGraphMetric = typeof ppoGraphMetrics[number];

/** Metrics of one mini-batch; a step reports their mean over mini-batches and epochs. TRL's names. */
export const minibatchMetrics = [
  ...ppoGraphMetrics,
  "ppo/loss/total",
  "ppo/policy/advantages_mean",
  "ppo/returns/mean",
  "ppo/returns/var",
  "ppo/val/mean",
  "ppo/val/var",
] as const;

/** Metrics of a whole step that every algorithm has. */
export const batchMetrics = [
  "objective/kl",
  "objective/kl_coef",
  "objective/entropy",
  "ppo/mean_scores",
  "ppo/std_scores",
  "ppo/learning_rate",
  "tokens/queries_len_mean",
  "tokens/queries_len_std",
  "tokens/responses_len_mean",
  "tokens/responses_len_std",
  "env/reward_mean",
  "env/reward_std",
] as const;

/** Metrics of a whole step besides those of its mini-batches. TRL's names. */
export const stepMetrics = [
  ...batchMetrics,
  "ppo/mean_non_score_reward",
  "ppo/val/var_explained",
] as const;

/** Statistics that come out of the update graphs of GRPO and RLOO. */
const groupGraphMetrics = [
  "ppo/loss/policy",
  "ppo/policy/entropy",
  "ppo/policy/approxkl",
  "ppo/policy/policykl",
  "ppo/policy/clipfrac",
  "clip_ratio/low_mean",
  "clip_ratio/high_mean",
  "clip_ratio/region_mean",
] as const;
export type GroupGraphMetric = typeof groupGraphMetrics[number];

/**
 * Metrics of one mini-batch of GRPO or RLOO. What all algorithms have is named as PPO's, so that curves, dashboards
 * and alerts are the same; `clip_ratio/*` are the names of TRL's `GRPOTrainer` and `RLOOTrainer`.
 */
export const groupMinibatchMetrics = [
  ...groupGraphMetrics,
  "ppo/loss/total",
  "ppo/policy/advantages_mean",
] as const;

/** Metrics of a whole step of GRPO or RLOO besides those of its mini-batches; the last five are TRL's for these. */
export const groupStepMetrics = [
  ...batchMetrics,
  "objective/non_score_reward",
  "kl",
  "reward",
  "reward_std",
  "frac_reward_zero_std",
] as const;

/** Stages of a step that are timed, in seconds. TRL's names. */
export const timingMetrics = [
  "time/ppo/forward_pass",
  "time/ppo/compute_rewards",
  "time/ppo/compute_advantages",
  "time/ppo/optimize_step",
  "time/ppo/calc_stats",
  "time/ppo/total",
] as const;

export type MinibatchMetric = typeof minibatchMetrics[number];
export type StepMetric = typeof stepMetrics[number];
export type TimingMetric = typeof timingMetrics[number];

/** Metrics of one mini-batch by name. */
export type MinibatchStats = Readonly<Record<MinibatchMetric, number>>;
/** Metrics of a step by name, timings aside. */
export type StepStats = Readonly<Record<MinibatchMetric | StepMetric, number>>;

/** Metrics of one mini-batch of GRPO or RLOO by name. */
export type GroupMinibatchStats = Readonly<Record<typeof groupMinibatchMetrics[number], number>>;
/** Metrics of a step of GRPO or RLOO by name, timings aside. */
export type GroupStepStats =
  & GroupMinibatchStats
  & Readonly<Record<typeof groupStepMetrics[number], number>>;
/** Metrics that every algorithm has, by name. */
export type BatchStats = Readonly<Record<typeof batchMetrics[number], number>>;
