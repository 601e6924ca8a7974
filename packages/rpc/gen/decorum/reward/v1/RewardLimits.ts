// Original file: protos/decorum/reward/v1/reward_service.proto


/**
 * Bounds of a request.
 */
export interface RewardLimits {
  /**
   * Items in a request that is not executed as sent.
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
  /**
   * Characters (Unicode code points) of an item's texts.
   */
  'maxTextChars'?: (number);
  /**
   * Items in a request that is executed as sent.
   */
  'maxGroupItems'?: (number);
  /**
   * Bytes of a request.
   */
  'maxRequestBytes'?: (number);
  /**
   * Items of all requests of one stream.
   */
  'maxStreamItems'?: (number);
}

/**
 * Bounds of a request.
 */
export interface RewardLimits__Output {
  /**
   * Items in a request that is not executed as sent.
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
  /**
   * Characters (Unicode code points) of an item's texts.
   */
  'maxTextChars': (number);
  /**
   * Items in a request that is executed as sent.
   */
  'maxGroupItems': (number);
  /**
   * Bytes of a request.
   */
  'maxRequestBytes': (number);
  /**
   * Items of all requests of one stream.
   */
  'maxStreamItems': (number);
}
