// Original file: protos/decorum/policy/v1/generation.proto

import type { TokenIds as _decorum_policy_v1_TokenIds, TokenIds__Output as _decorum_policy_v1_TokenIds__Output } from '../../../decorum/policy/v1/TokenIds.ts';

/**
 * One sequence to complete.
 */
export interface Prompt {
  /**
   * Unique in the request. Draws of a sequence depend on the request's seed and this key alone.
   */
  'key'?: (string);
  /**
   * Ids, taken as they are.
   */
  'tokenIds'?: (_decorum_policy_v1_TokenIds | null);
  /**
   * Text, encoded with the model's tokenizer and its special tokens.
   */
  'text'?: (string);
  /**
   * Overrides SamplingParameters.max_new_tokens for this sequence.
   */
  'maxNewTokens'?: (number);
  /**
   * What goes to the encoder.
   */
  'input'?: "tokenIds"|"text";
  '_maxNewTokens'?: "maxNewTokens";
}

/**
 * One sequence to complete.
 */
export interface Prompt__Output {
  /**
   * Unique in the request. Draws of a sequence depend on the request's seed and this key alone.
   */
  'key': (string);
  /**
   * Ids, taken as they are.
   */
  'tokenIds'?: (_decorum_policy_v1_TokenIds__Output | null);
  /**
   * Text, encoded with the model's tokenizer and its special tokens.
   */
  'text'?: (string);
  /**
   * Overrides SamplingParameters.max_new_tokens for this sequence.
   */
  'maxNewTokens'?: (number);
  /**
   * What goes to the encoder.
   */
  'input'?: "tokenIds"|"text";
  '_maxNewTokens'?: "maxNewTokens";
}
