// Original file: protos/decorum/policy/v1/generation.proto


/**
 * Token ids, where the caller tokenises itself.
 */
export interface TokenIds {
  /**
   * Ids in [0, vocabulary size), end token included where the model wants one.
   */
  'ids'?: (number)[];
}

/**
 * Token ids, where the caller tokenises itself.
 */
export interface TokenIds__Output {
  /**
   * Ids in [0, vocabulary size), end token included where the model wants one.
   */
  'ids': (number)[];
}
