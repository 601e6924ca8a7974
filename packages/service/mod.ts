export * from "./common_config.ts";
export * from "./run_service.ts";
export { type PackedWeights, packWeights, type PushTarget, pushWeights } from "./push_weights.ts";
