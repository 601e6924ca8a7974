// Original file: protos/decorum/reward/v1/reward_service.proto

import type { RewardLimits as _decorum_reward_v1_RewardLimits, RewardLimits__Output as _decorum_reward_v1_RewardLimits__Output } from '../../../decorum/reward/v1/RewardLimits.ts';

/**
 * The model.
 */
export interface GetInfoResponse {
  /**
   * Name of the model: its folder or hub id.
   */
  'modelName'?: (string);
  /**
   * SHA-256 in hexadecimal over the classifier's configuration, weights and tokenizer.
   */
  'modelVersion'?: (string);
  /**
   * Labels in the order of the logits.
   */
  'labels'?: (string)[];
  /**
   * Label that is meant when a request names none; empty: every request must name one.
   */
  'defaultLabel'?: (string);
  /**
   * Bounds of a request.
   */
  'limits'?: (_decorum_reward_v1_RewardLimits | null);
  /**
   * Execution provider: "cpu" or "cuda".
   */
  'provider'?: (string);
}

/**
 * The model.
 */
export interface GetInfoResponse__Output {
  /**
   * Name of the model: its folder or hub id.
   */
  'modelName': (string);
  /**
   * SHA-256 in hexadecimal over the classifier's configuration, weights and tokenizer.
   */
  'modelVersion': (string);
  /**
   * Labels in the order of the logits.
   */
  'labels': (string)[];
  /**
   * Label that is meant when a request names none; empty: every request must name one.
   */
  'defaultLabel': (string);
  /**
   * Bounds of a request.
   */
  'limits': (_decorum_reward_v1_RewardLimits__Output | null);
  /**
   * Execution provider: "cpu" or "cuda".
   */
  'provider': (string);
}
