// Original file: protos/decorum/reward/v1/reward_service.proto

import type { ScoreItem as _decorum_reward_v1_ScoreItem, ScoreItem__Output as _decorum_reward_v1_ScoreItem__Output } from '../../../decorum/reward/v1/ScoreItem.ts';

/**
 * Items to score.
 */
export interface ScoreRequest {
  /**
   * Items, at least one and at most GetInfoResponse.limits.max_items; of a request that is executed as sent,
   * max_group_items.
   */
  'items'?: (_decorum_reward_v1_ScoreItem)[];
  /**
   * Label whose logit is the score, as in GetInfoResponse.labels; empty: the server's default label.
   */
  'label'?: (string);
  /**
   * True: an item that is too long is cut and the answer says so: of a pair the query, never the response; else
   * the response, at its end. False: it is refused.
   */
  'truncate'?: (boolean);
  /**
   * True: executed as sent, never merged with other requests nor split.
   */
  'asSent'?: (boolean);
}

/**
 * Items to score.
 */
export interface ScoreRequest__Output {
  /**
   * Items, at least one and at most GetInfoResponse.limits.max_items; of a request that is executed as sent,
   * max_group_items.
   */
  'items': (_decorum_reward_v1_ScoreItem__Output)[];
  /**
   * Label whose logit is the score, as in GetInfoResponse.labels; empty: the server's default label.
   */
  'label': (string);
  /**
   * True: an item that is too long is cut and the answer says so: of a pair the query, never the response; else
   * the response, at its end. False: it is refused.
   */
  'truncate': (boolean);
  /**
   * True: executed as sent, never merged with other requests nor split.
   */
  'asSent': (boolean);
}
