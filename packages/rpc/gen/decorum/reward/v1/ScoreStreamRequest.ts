// Original file: protos/decorum/reward/v1/reward_service.proto

import type { ScoreRequest as _decorum_reward_v1_ScoreRequest, ScoreRequest__Output as _decorum_reward_v1_ScoreRequest__Output } from '../../../decorum/reward/v1/ScoreRequest.ts';

/**
 * One request of a stream.
 */
export interface ScoreStreamRequest {
  /**
   * Comes back with the answer.
   */
  'requestId'?: (string);
  /**
   * What to score.
   */
  'request'?: (_decorum_reward_v1_ScoreRequest | null);
}

/**
 * One request of a stream.
 */
export interface ScoreStreamRequest__Output {
  /**
   * Comes back with the answer.
   */
  'requestId': (string);
  /**
   * What to score.
   */
  'request': (_decorum_reward_v1_ScoreRequest__Output | null);
}
