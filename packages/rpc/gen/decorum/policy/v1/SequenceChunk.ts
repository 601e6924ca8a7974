// Original file: protos/decorum/policy/v1/generation.proto

import type { FinishReason as _decorum_policy_v1_FinishReason, FinishReason__Output as _decorum_policy_v1_FinishReason__Output } from '../../../decorum/policy/v1/FinishReason.ts';

/**
 * The next tokens of one sequence. Arrays are parallel to token_ids.
 */
export interface SequenceChunk {
  /**
   * Key of the prompt.
   */
  'key'?: (string);
  /**
   * Position of the first token of this chunk in its sequence, from 0.
   */
  'offset'?: (number);
  /**
   * Generated ids, end token included.
   */
  'tokenIds'?: (number)[];
  /**
   * log softmax(logits / temperature) of each token over the whole vocabulary, fp32; empty unless asked for.
   */
  'logprobs'?: (number | string)[];
  /**
   * Value head at the decoder row of each token, fp32; empty unless asked for.
   */
  'values'?: (number | string)[];
  /**
   * As logprobs, under the START weights, for all tokens of the sequence; in the last chunk only, and only when asked for.
   */
  'refLogprobs'?: (number | string)[];
  /**
   * Set in the last chunk of the sequence.
   */
  'finishReason'?: (_decorum_policy_v1_FinishReason);
  /**
   * Text of the whole sequence without special tokens; in the last chunk only, and only when asked for.
   */
  'text'?: (string);
  /**
   * Tokens of the prompt as it went to the encoder.
   */
  'promptTokens'?: (number);
}

/**
 * The next tokens of one sequence. Arrays are parallel to token_ids.
 */
export interface SequenceChunk__Output {
  /**
   * Key of the prompt.
   */
  'key': (string);
  /**
   * Position of the first token of this chunk in its sequence, from 0.
   */
  'offset': (number);
  /**
   * Generated ids, end token included.
   */
  'tokenIds': (number)[];
  /**
   * log softmax(logits / temperature) of each token over the whole vocabulary, fp32; empty unless asked for.
   */
  'logprobs': (number)[];
  /**
   * Value head at the decoder row of each token, fp32; empty unless asked for.
   */
  'values': (number)[];
  /**
   * As logprobs, under the START weights, for all tokens of the sequence; in the last chunk only, and only when asked for.
   */
  'refLogprobs': (number)[];
  /**
   * Set in the last chunk of the sequence.
   */
  'finishReason': (_decorum_policy_v1_FinishReason__Output);
  /**
   * Text of the whole sequence without special tokens; in the last chunk only, and only when asked for.
   */
  'text': (string);
  /**
   * Tokens of the prompt as it went to the encoder.
   */
  'promptTokens': (number);
}
