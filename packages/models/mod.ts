export { attend, attentionMaskBias, Heads, MASKED, positionsOf } from "./attention.ts";
export {
  type Checkpoint,
  defaultCacheDir,
  editDistance,
  nearestKeys,
  openCheckpoint,
  withoutCopies,
} from "./checkpoint.ts";
export {
  buildClassifierGraph,
  checkHead,
  checkTexts,
  type Classifier,
  classifierBatch,
  type ClassifierConfig,
  type ClassifierSpec,
  type ClassifierText,
  labelIndex,
  maxPositions,
  missingHead,
  positionIds,
  tokenTypesOf,
} from "./classifier.ts";
export { expectation } from "./config.ts";
export {
  type EncoderDecoder,
  type EncoderDecoderConfig,
  runSequences,
  sequenceInputs,
} from "./encoder_decoder.ts";
export { isPolicyModel, openClassifier, openPolicyModel } from "./families.ts";
export { addClassifierHead, initClassifier, initPolicyModel } from "./init.ts";
export { AdapterInputs, Linear, type LinearOptions } from "./linear.ts";
export {
  type Adapter,
  adapterShapes,
  checkAdapter,
  initAdapter,
  type LinearLayers,
  type LoraConfig,
  loraScaling,
  startingFrom,
  targetLayers,
} from "./lora.ts";
export { mergeAdapter } from "./merge.ts";
export { writeModelFolder } from "./model_folder.ts";
export { baseModelHash, tokenizerHash } from "./model_hash.ts";
export { type PeftAdapter, readPeftAdapter, writePeftAdapter } from "./peft.ts";
export {
  atLabels,
  buildForwardGraph,
  buildPolicyGraph,
  openNetwork,
  type PolicySpec,
  type PolicyValues,
  tokenLogprobs,
} from "./policy_graph.ts";
export {
  type Sequence,
  sharedPrompts,
  type TokenBatch,
  tokenBatch,
  type TokenBatchOptions,
  type Vocabulary,
} from "./token_batch.ts";
export {
  initValueHead,
  VALUE_HEAD_BIAS,
  VALUE_HEAD_WEIGHT,
  valueHead,
  valueHeadShapes,
} from "./value_head.ts";
export { type ModelGraph, type WeightIndex, Weights, type WeightsOptions } from "./weights.ts";
