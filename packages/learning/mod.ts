export {
  type CheckpointContents,
  checkpointName,
  checkpointSteps,
  newestCheckpoint,
  pruneCheckpoints,
  readCheckpoint,
  writeCheckpoint,
  type WrittenCheckpoint,
} from "./checkpoint.ts";
export { buildDpoGraph, openDpo, type PreferencePair } from "./dpo.ts";
export { dpoLoss, membershipOf, sumPerSequence } from "./dpo_loss.ts";
export {
  type DataRows,
  type Examples,
  fill,
  labelExamples,
  pairExamples,
  preferenceExamples,
  preferenceRows,
  sftExamples,
} from "./examples.ts";
export { type LearnerState, stateFromTensors, stateToTensors } from "./learner_state.ts";
export { LearningSession } from "./learning_session.ts";
export type { LearningTask } from "./learning_task.ts";
export { microBatches, sequenceMicroBatches } from "./micro_batches.ts";
export { initTrainState, type UpdateOutcome } from "./optimizer.ts";
export {
  buildUpdateGraph,
  type LearnerOptions,
  type LearnerSample,
  type LossGraph,
  type Objective,
  PolicyLearner,
} from "./policy_learner.ts";
export { buildRewardGraph, type LabelledText, openReward } from "./reward.ts";
export {
  type Feeds,
  type GraphName,
  type Graphs,
  learnerSession,
  LocalRunner,
  type OpenRunner,
  type PerGraph,
  type Runner,
  type RunOutputs,
} from "./runner.ts";
export type { TokenPredictions } from "./sequence_batch.ts";
export { buildSftGraph, openSft } from "./sft.ts";
export { countedTokens, joinRows, splitRows } from "./token_rows.ts";
export { saveTrained, type TrainedModel, updateGraph } from "./trained_model.ts";
export {
  hasRun,
  resumeTraining,
  type RunSettings,
  runTraining,
  train,
  type TrainingRun,
  type TrainingSchedule,
  type TrainMetrics,
} from "./training_run.ts";
