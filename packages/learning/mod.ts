export * from "./gradient_run.ts";
export * from "./micro_batches.ts";
export * from "./optimizer.ts";
export * from "./ppo_graph.ts";
export * from "./ppo_learner.ts";
export type { PpoSample, TokenPredictions } from "./ppo_sample.ts";
export * from "./ppo_step.ts";
export * from "./token_rows.ts";
export * from "./train_state.ts";
