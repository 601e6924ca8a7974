// Original file: protos/decorum/reward/v1/reward_service.proto


/**
 * One text or pair to score.
 */
export interface ScoreItem {
  /**
   * Comes back with the result; unique in the request, or empty.
   */
  'id'?: (string);
  /**
   * What was asked; absent: the response is scored alone.
   */
  'query'?: (string);
  /**
   * What was answered.
   */
  'response'?: (string);
  '_query'?: "query";
}

/**
 * One text or pair to score.
 */
export interface ScoreItem__Output {
  /**
   * Comes back with the result; unique in the request, or empty.
   */
  'id': (string);
  /**
   * What was asked; absent: the response is scored alone.
   */
  'query'?: (string);
  /**
   * What was answered.
   */
  'response': (string);
  '_query'?: "query";
}
