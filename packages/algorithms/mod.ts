export type { Algorithm, RolledBatch } from "./algorithm.ts";
export { grpo } from "./grpo.ts";
export { InvariantError } from "./invariants.ts";
export { type SampledKlKind, tokenKl } from "./kl.ts";
export { firstState, type Learned, Learning, type LearnState, type ScoredBatch } from "./learn.ts";
export { onlineDpo } from "./online_dpo.ts";
export { ppo } from "./ppo.ts";
export { type AlgorithmName, algorithmNames, algorithms, pageOf } from "./registry.ts";
export { rloo } from "./rloo.ts";
export { type StageRunner, type StepStage } from "./stages.ts";
export { offsetsOf } from "./tokens.ts";
export {
  gather,
  type Gathered,
  type GenerationRequest,
  type GenerationSettings,
  type Policy,
  type Prompt,
  type ResponseBatch,
  type Rewards,
  type Rollout,
  type Score,
  type ScoredPair,
  train,
  type TrainStep,
  type TrainTools,
} from "./loop.ts";
export { ClassifierRewards, LocalTraining, rewardFunction } from "./local.ts";
