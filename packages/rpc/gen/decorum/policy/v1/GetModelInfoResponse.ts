// Original file: protos/decorum/policy/v1/policy_service.proto

import type { PolicyLimits as _decorum_policy_v1_PolicyLimits, PolicyLimits__Output as _decorum_policy_v1_PolicyLimits__Output } from '../../../decorum/policy/v1/PolicyLimits.ts';

/**
 * The model.
 */
export interface GetModelInfoResponse {
  /**
   * SHA-256 in hexadecimal over the base model's configuration and weights.
   */
  'baseModelHash'?: (string);
  /**
   * SHA-256 in hexadecimal over the tokenizer's files.
   */
  'tokenizerHash'?: (string);
  /**
   * The model's config.json.
   */
  'configJson'?: (string);
  /**
   * Name of the model: its folder or hub id.
   */
  'modelName'?: (string);
  /**
   * Precision of the weights in memory: "fp32", "fp16" or "bf16".
   */
  'precision'?: (string);
  /**
   * Execution provider: "cpu" or "cuda".
   */
  'provider'?: (string);
  /**
   * Bounds of a request.
   */
  'limits'?: (_decorum_policy_v1_PolicyLimits | null);
  /**
   * What an adapter may change: layer names, as in AdapterConfig.target_modules.
   */
  'adaptableModules'?: (string)[];
  /**
   * Whether GenerateRequest.share_prompts is heeded: false from servers that are older than it.
   */
  'sharesPrompts'?: (boolean);
}

/**
 * The model.
 */
export interface GetModelInfoResponse__Output {
  /**
   * SHA-256 in hexadecimal over the base model's configuration and weights.
   */
  'baseModelHash': (string);
  /**
   * SHA-256 in hexadecimal over the tokenizer's files.
   */
  'tokenizerHash': (string);
  /**
   * The model's config.json.
   */
  'configJson': (string);
  /**
   * Name of the model: its folder or hub id.
   */
  'modelName': (string);
  /**
   * Precision of the weights in memory: "fp32", "fp16" or "bf16".
   */
  'precision': (string);
  /**
   * Execution provider: "cpu" or "cuda".
   */
  'provider': (string);
  /**
   * Bounds of a request.
   */
  'limits': (_decorum_policy_v1_PolicyLimits__Output | null);
  /**
   * What an adapter may change: layer names, as in AdapterConfig.target_modules.
   */
  'adaptableModules': (string)[];
  /**
   * Whether GenerateRequest.share_prompts is heeded: false from servers that are older than it.
   */
  'sharesPrompts': (boolean);
}
