/** Statistics that runs promise, by name: TRL's where it has them. */

/** Of every algorithm. */
const common = [
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
];

/** Of those with a clipped ratio. */
const ratio = [
  "ppo/loss/policy",
  "ppo/policy/entropy",
  "ppo/policy/approxkl",
  "ppo/policy/policykl",
  "ppo/policy/clipfrac",
  "ppo/policy/advantages_mean",
];

/** Of those that compare groups of responses, besides. */
const groups = [
  "clip_ratio/low_mean",
  "clip_ratio/high_mean",
  "clip_ratio/region_mean",
  "objective/non_score_reward",
  "kl",
  "reward",
  "reward_std",
  "frac_reward_zero_std",
];

/** Of each algorithm, under its name in configurations. */
export const statistics = {
  ppo: [
    ...common,
    ...ratio,
    "ppo/loss/value",
    "ppo/mean_non_score_reward",
    "ppo/returns/mean",
    "ppo/returns/var",
    "ppo/val/vpred",
    "ppo/val/error",
    "ppo/val/clipfrac",
    "ppo/val/mean",
    "ppo/val/var",
    "ppo/val/var_explained",
  ],
  grpo: [...common, ...ratio, ...groups],
  rloo: [...common, ...ratio, ...groups],
  online_dpo: [
    ...common,
    "objective/non_score_reward",
    "objective/rlhf_reward",
    "objective/scores",
    "objective/scores_margin",
    "val/contain_eos_token",
    "beta",
    "rewards/chosen",
    "rewards/rejected",
    "rewards/accuracies",
    "rewards/margins",
    "logps/chosen",
    "logps/rejected",
  ],
};

/** Of the time that parts of a step take, in seconds. */
export const timings = [
  "time/ppo/forward_pass",
  "time/ppo/compute_rewards",
  "time/ppo/compute_advantages",
  "time/ppo/optimize_step",
  "time/ppo/calc_stats",
  "time/ppo/total",
];
