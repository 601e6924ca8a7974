export { aggregate, type Aggregation } from "./aggregate.ts";
export { LocalRewards } from "./local.ts";
export { type RewardTermConfig, rewardTerms } from "./settings.ts";
export { type RewardCall, RewardError } from "./source.ts";
export { termRewards, type TermScore, termStatistics } from "./term_rewards.ts";
export { Terms } from "./terms.ts";
