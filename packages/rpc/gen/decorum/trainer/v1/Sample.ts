// Original file: protos/decorum/trainer/v1/trainer_service.proto


/**
 * What one prompt became.
 */
export interface Sample {
  /**
   * Prompt.
   */
  'prompt'?: (string);
  /**
   * Response.
   */
  'response'?: (string);
  /**
   * What it was given in all.
   */
  'score'?: (number | string);
  /**
   * Tokens of the response; absent where an older version recorded it.
   */
  'tokens'?: (number);
  /**
   * What each part of the reward gave, by name.
   */
  'scores'?: ({[key: string]: number | string});
  '_tokens'?: "tokens";
}

/**
 * What one prompt became.
 */
export interface Sample__Output {
  /**
   * Prompt.
   */
  'prompt': (string);
  /**
   * Response.
   */
  'response': (string);
  /**
   * What it was given in all.
   */
  'score': (number);
  /**
   * Tokens of the response; absent where an older version recorded it.
   */
  'tokens'?: (number);
  /**
   * What each part of the reward gave, by name.
   */
  'scores': ({[key: string]: number});
  '_tokens'?: "tokens";
}
