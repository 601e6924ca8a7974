export { aggregate } from "./aggregate.ts";
export { LocalRewards } from "./local.ts";
export { type RewardTermConfig, rewardTerms } from "./settings.ts";
export { type RewardCall } from "./source.ts";
export { termRewards, type TermScore, termStatistics } from "./term_rewards.ts";
export { Terms } from "./terms.ts";
