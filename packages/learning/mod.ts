export * from "./checkpoint.ts";
export * from "./dpo.ts";
export * from "./dpo_loss.ts";
export * from "./examples.ts";
export * from "./learner_state.ts";
export * from "./learning_session.ts";
export * from "./lora_dropout.ts";
export { lossScaleOf } from "./loss_scale.ts";
export * from "./micro_batches.ts";
export * from "./optimizer.ts";
export * from "./policy_learner.ts";
export * from "./reward.ts";
export {
  type Feeds,
  type GraphName,
  type Graphs,
  type GraphSource,
  LocalRunner,
  type OpenRunner,
  openSession,
  type Runner,
  type RunOutputs,
  source,
  type WeightStorage,
} from "./runner.ts";
export * from "./sequence_batch.ts";
export * from "./sft.ts";
export * from "./token_rows.ts";
export { saveTrained, type TrainedModel, updateGraph } from "./trained_model.ts";
export * from "./training_run.ts";
