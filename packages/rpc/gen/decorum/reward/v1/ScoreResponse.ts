// Original file: protos/decorum/reward/v1/reward_service.proto

import type { ItemScore as _decorum_reward_v1_ItemScore, ItemScore__Output as _decorum_reward_v1_ItemScore__Output } from '../../../decorum/reward/v1/ItemScore.ts';

/**
 * Results.
 */
export interface ScoreResponse {
  /**
   * One result an item, in their order.
   */
  'results'?: (_decorum_reward_v1_ItemScore)[];
  /**
   * All labels, in the order of the logits.
   */
  'labels'?: (string)[];
  /**
   * The label whose logit is the score.
   */
  'label'?: (string);
  /**
   * Hash of the classifier: GetInfoResponse.model_version.
   */
  'modelVersion'?: (string);
}

/**
 * Results.
 */
export interface ScoreResponse__Output {
  /**
   * One result an item, in their order.
   */
  'results': (_decorum_reward_v1_ItemScore__Output)[];
  /**
   * All labels, in the order of the logits.
   */
  'labels': (string)[];
  /**
   * The label whose logit is the score.
   */
  'label': (string);
  /**
   * Hash of the classifier: GetInfoResponse.model_version.
   */
  'modelVersion': (string);
}
