// Original file: protos/decorum/reward/v1/reward_service.proto


/**
 * Bounds of a request.
 */
export interface RewardLimits {
  /**
   * Items in a request.
   */
  'maxItems'?: (number);
  /**
   * Tokens of an item, special ones included.
   */
  'maxTokens'?: (number);
  /**
   * Bytes of an item's texts.
   */
  'maxTextBytes'?: (number);
}

/**
 * Bounds of a request.
 */
export interface RewardLimits__Output {
  /**
   * Items in a request.
   */
  'maxItems': (number);
  /**
   * Tokens of an item, special ones included.
   */
  'maxTokens': (number);
  /**
   * Bytes of an item's texts.
   */
  'maxTextBytes': (number);
}
