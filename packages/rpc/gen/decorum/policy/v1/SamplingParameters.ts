// Original file: protos/decorum/policy/v1/generation.proto


/**
 * How tokens are chosen. The order is: temperature, min_new_tokens (no end before it), top_k, top_p, draw.
 */
export interface SamplingParameters {
  /**
   * False: the most likely token (greedy); temperature, top_k and top_p are then not read.
   */
  'doSample'?: (boolean);
  /**
   * Divides the logits; above 0. Absent: 1. Log-probabilities use the same division.
   */
  'temperature'?: (number | string);
  /**
   * Keep the k most likely tokens; 0: all.
   */
  'topK'?: (number);
  /**
   * Keep the smallest set of tokens whose probability is at least top_p, in (0, 1]. Absent: 1.
   */
  'topP'?: (number | string);
  /**
   * The end token cannot come before this many other tokens.
   */
  'minNewTokens'?: (number);
  /**
   * A sequence ends here at the latest, end token included; at least 1.
   */
  'maxNewTokens'?: (number);
  '_temperature'?: "temperature";
  '_topP'?: "topP";
}

/**
 * How tokens are chosen. The order is: temperature, min_new_tokens (no end before it), top_k, top_p, draw.
 */
export interface SamplingParameters__Output {
  /**
   * False: the most likely token (greedy); temperature, top_k and top_p are then not read.
   */
  'doSample': (boolean);
  /**
   * Divides the logits; above 0. Absent: 1. Log-probabilities use the same division.
   */
  'temperature'?: (number);
  /**
   * Keep the k most likely tokens; 0: all.
   */
  'topK': (number);
  /**
   * Keep the smallest set of tokens whose probability is at least top_p, in (0, 1]. Absent: 1.
   */
  'topP'?: (number);
  /**
   * The end token cannot come before this many other tokens.
   */
  'minNewTokens': (number);
  /**
   * A sequence ends here at the latest, end token included; at least 1.
   */
  'maxNewTokens': (number);
  '_temperature'?: "temperature";
  '_topP'?: "topP";
}
