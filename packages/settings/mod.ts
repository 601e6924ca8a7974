export { grpoConfig, type LoopConfig, ppoConfig, rlooConfig } from "./algorithms.ts";
export * from "./evaluator.ts";
export * from "./load.ts";
export * from "./policy.ts";
export * from "./reward.ts";
export * from "./run.ts";
export * from "./security.ts";
export * from "./service.ts";
export * from "./trainer.ts";
