/** Metrics of one mini-batch; a step reports their mean over mini-batches and epochs. TRL's names. */
export const minibatchMetrics = [
  "ppo/loss/policy",
  "ppo/loss/value",
  "ppo/loss/total",
  "ppo/policy/entropy",
  "ppo/policy/approxkl",
  "ppo/policy/policykl",
  "ppo/policy/clipfrac",
  "ppo/policy/advantages_mean",
  "ppo/returns/mean",
  "ppo/returns/var",
  "ppo/val/vpred",
  "ppo/val/error",
  "ppo/val/clipfrac",
  "ppo/val/mean",
  "ppo/val/var",
] as const;

/** Metrics of a whole step besides those of its mini-batches. TRL's names. */
export const stepMetrics = [
  "objective/kl",
  "objective/kl_coef",
  "objective/entropy",
  "ppo/mean_non_score_reward",
  "ppo/mean_scores",
  "ppo/std_scores",
  "ppo/val/var_explained",
  "ppo/learning_rate",
  "tokens/queries_len_mean",
  "tokens/queries_len_std",
  "tokens/responses_len_mean",
  "tokens/responses_len_std",
  "env/reward_mean",
  "env/reward_std",
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
