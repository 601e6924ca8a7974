export * from "./attention.ts";
export * from "./checkpoint.ts";
export * from "./classifier.ts";
export { type JsonObject, readJson } from "./config.ts";
export * from "./encoder_decoder.ts";
export {
  classifierModel,
  isPolicyModel,
  openClassifier,
  openPolicyModel,
  policyModel,
} from "./families.ts";
export { initClassifier, initPolicyModel } from "./init.ts";
export { AdapterInputs, Linear, type LinearOptions } from "./linear.ts";
export * from "./lora.ts";
export * from "./merge.ts";
export * from "./model_folder.ts";
export { baseModelHash, type ModelHashOptions, tokenizerHash } from "./model_hash.ts";
export { nearestKeys } from "./nearest_keys.ts";
export * from "./peft.ts";
export * from "./policy_graph.ts";
export { replaceFolder } from "./replace_folder.ts";
export * from "./token_batch.ts";
export * from "./value_head.ts";
export { type ModelGraph, type WeightIndex, Weights, type WeightsOptions } from "./weights.ts";
