export { aggregate, type Aggregation, moments, type TermScores } from "./aggregate.ts";
export type { RewardClient } from "./classifier.ts";
export { type RewardTermConfig, rewardTerms } from "./settings.ts";
export { type RewardBatch, type RewardCall, RewardError } from "./source.ts";
export { type ScoredTerm, type ScoredTerms, Terms, type TermsOptions } from "./terms.ts";
