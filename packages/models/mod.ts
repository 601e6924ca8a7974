export * from "./attention.ts";
export * from "./checkpoint.ts";
export * from "./classifier.ts";
export * from "./encoder_decoder.ts";
export {
  classifierModel,
  isPolicyModel,
  openClassifier,
  openPolicyModel,
  policyModel,
} from "./families.ts";
export { addClassifierHead, initClassifier, initPolicyModel } from "./init.ts";
export { AdapterInputs, Linear, type LinearOptions } from "./linear.ts";
export {
  type Adapter,
  adapterShapes,
  checkAdapter,
  initAdapter,
  layerScaling,
  type LinearLayers,
  type LoraConfig,
  loraKey,
  loraScaling,
  startingFrom,
  targetLayers,
} from "./lora.ts";
export { mergeAdapter } from "./merge.ts";
export * from "./model_folder.ts";
export { baseModelHash, type ModelHashOptions, tokenizerHash } from "./model_hash.ts";
export { type PeftAdapter, readPeftAdapter, writePeftAdapter } from "./peft.ts";
export * from "./policy_graph.ts";
export * from "./token_batch.ts";
export * from "./value_head.ts";
export { type ModelGraph, type WeightIndex, Weights, type WeightsOptions } from "./weights.ts";
