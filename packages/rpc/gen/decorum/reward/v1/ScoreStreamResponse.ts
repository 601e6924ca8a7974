// Original file: protos/decorum/reward/v1/reward_service.proto

import type { ScoreResponse as _decorum_reward_v1_ScoreResponse, ScoreResponse__Output as _decorum_reward_v1_ScoreResponse__Output } from '../../../decorum/reward/v1/ScoreResponse.ts';

/**
 * One answer of a stream.
 */
export interface ScoreStreamResponse {
  /**
   * The request's id.
   */
  'requestId'?: (string);
  /**
   * Its results.
   */
  'response'?: (_decorum_reward_v1_ScoreResponse | null);
}

/**
 * One answer of a stream.
 */
export interface ScoreStreamResponse__Output {
  /**
   * The request's id.
   */
  'requestId': (string);
  /**
   * Its results.
   */
  'response': (_decorum_reward_v1_ScoreResponse__Output | null);
}
