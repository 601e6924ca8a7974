// Original file: protos/decorum/reward/v1/reward_service.proto


/**
 * What a model said of one item.
 */
export interface ItemScore {
  /**
   * The item's id.
   */
  'id'?: (string);
  /**
   * Raw logit of the named label, fp32.
   */
  'score'?: (number | string);
  /**
   * Raw logits of all labels, in the order of `labels`.
   */
  'logits'?: (number | string)[];
  /**
   * Their softmax; sigmoids where labels do not exclude each other or there is one; the logits of a regression.
   */
  'probabilities'?: (number | string)[];
  /**
   * Tokens that were cut off: of a pair those of the query, the response is never cut; else of the response.
   */
  'truncatedTokens'?: (number);
  /**
   * Tokens that went through the model, special ones included, padding not.
   */
  'tokens'?: (number);
}

/**
 * What a model said of one item.
 */
export interface ItemScore__Output {
  /**
   * The item's id.
   */
  'id': (string);
  /**
   * Raw logit of the named label, fp32.
   */
  'score': (number);
  /**
   * Raw logits of all labels, in the order of `labels`.
   */
  'logits': (number)[];
  /**
   * Their softmax; sigmoids where labels do not exclude each other or there is one; the logits of a regression.
   */
  'probabilities': (number)[];
  /**
   * Tokens that were cut off: of a pair those of the query, the response is never cut; else of the response.
   */
  'truncatedTokens': (number);
  /**
   * Tokens that went through the model, special ones included, padding not.
   */
  'tokens': (number);
}
