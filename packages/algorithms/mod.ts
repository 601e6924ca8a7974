export {
  type Algorithm,
  buildUpdateGraph,
  objectiveOf,
  type RolledBatch,
  type Statistics,
} from "./algorithm.ts";
export type { RolledOut } from "./epochs.ts";
export { buildFullKlGraph, FullKl } from "./full_kl.ts";
export { grpo, type GrpoSettings } from "./grpo.ts";
export { InvariantError } from "./invariants.ts";
export { type KlKind, type SampledKlKind, tokenKl } from "./kl.ts";
export { type KlController, klController } from "./kl_controller.ts";
export {
  type Learned,
  Learning,
  type LearningOptions,
  type LearnOptions,
  type LearnState,
  type ScoredBatch,
} from "./learn.ts";
export { onlineDpo, type OnlineDpoSettings } from "./online_dpo.ts";
export { ppo, type PpoSample, type PpoSettings } from "./ppo.ts";
export { type AlgorithmName, algorithmNames, algorithmOf, algorithms } from "./registry.ts";
export { rloo, type RlooSettings } from "./rloo.ts";
export { emptyMoments, type RunningMoments, shapeScores } from "./scores.ts";
export type { LoopSettings } from "./settings.ts";
export { type StageRunner, type StepStage, unwatched } from "./stages.ts";
export { commonMetrics, timingMetrics } from "./statistics.ts";
export { type Offsets, offsetsOf } from "./tokens.ts";
export {
  gather,
  type Gathered,
  type GatherTools,
  type GenerationRequest,
  type GenerationSettings,
  type Policy,
  type Prompt,
  type ResponseBatch,
  responseLimits,
  type Rewards,
  type Rollout,
  type Score,
  type ScoredPair,
} from "./gather.ts";
export {
  ClassifierRewards,
  type LabelScore,
  type LocalOptions,
  LocalPolicy,
  LocalTraining,
  type RewardFunction,
  rewardFunction,
} from "./local.ts";
export { firstState, learnFrom, type LoopState, train, type TrainStep } from "./loop.ts";
