// Original file: protos/decorum/policy/v1/policy_service.proto

import type { Prompt as _decorum_policy_v1_Prompt, Prompt__Output as _decorum_policy_v1_Prompt__Output } from '../../../decorum/policy/v1/Prompt.ts';
import type { SamplingParameters as _decorum_policy_v1_SamplingParameters, SamplingParameters__Output as _decorum_policy_v1_SamplingParameters__Output } from '../../../decorum/policy/v1/SamplingParameters.ts';
import type { WeightsSelector as _decorum_policy_v1_WeightsSelector, WeightsSelector__Output as _decorum_policy_v1_WeightsSelector__Output } from '../../../decorum/policy/v1/WeightsSelector.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * A group of prompts.
 */
export interface GenerateRequest {
  /**
   * Prompts with distinct keys; at least one, at most GetModelInfoResponse.limits.max_prompts.
   */
  'prompts'?: (_decorum_policy_v1_Prompt)[];
  /**
   * How tokens are chosen.
   */
  'sampling'?: (_decorum_policy_v1_SamplingParameters | null);
  /**
   * Seed of the draws, at most 2^53 - 1.
   */
  'seed'?: (number | string | Long);
  /**
   * Weights to use.
   */
  'weights'?: (_decorum_policy_v1_WeightsSelector | null);
  /**
   * True: executed as sent, never merged with other requests nor split.
   */
  'asSent'?: (boolean);
  /**
   * Return the log-probability of every token.
   */
  'returnLogprobs'?: (boolean);
  /**
   * Return the value of every token.
   */
  'returnValues'?: (boolean);
  /**
   * Return the log-probability of every token under the START weights.
   */
  'returnRefLogprobs'?: (boolean);
  /**
   * Return the text of every sequence.
   */
  'returnText'?: (boolean);
  /**
   * True: chunks as they are made. False: one chunk a sequence, when it has ended.
   */
  'streamChunks'?: (boolean);
  /**
   * True: a prompt that stands in the request several times is encoded once where its sequences run together, and where all
   * prompts of a batch stand in it as often, each after itself, sequences attend to one copy of its keys and values. Sums
   * are then taken in another order: results differ in their last bits.
   */
  'sharePrompts'?: (boolean);
}

/**
 * A group of prompts.
 */
export interface GenerateRequest__Output {
  /**
   * Prompts with distinct keys; at least one, at most GetModelInfoResponse.limits.max_prompts.
   */
  'prompts': (_decorum_policy_v1_Prompt__Output)[];
  /**
   * How tokens are chosen.
   */
  'sampling': (_decorum_policy_v1_SamplingParameters__Output | null);
  /**
   * Seed of the draws, at most 2^53 - 1.
   */
  'seed': (number);
  /**
   * Weights to use.
   */
  'weights': (_decorum_policy_v1_WeightsSelector__Output | null);
  /**
   * True: executed as sent, never merged with other requests nor split.
   */
  'asSent': (boolean);
  /**
   * Return the log-probability of every token.
   */
  'returnLogprobs': (boolean);
  /**
   * Return the value of every token.
   */
  'returnValues': (boolean);
  /**
   * Return the log-probability of every token under the START weights.
   */
  'returnRefLogprobs': (boolean);
  /**
   * Return the text of every sequence.
   */
  'returnText': (boolean);
  /**
   * True: chunks as they are made. False: one chunk a sequence, when it has ended.
   */
  'streamChunks': (boolean);
  /**
   * True: a prompt that stands in the request several times is encoded once where its sequences run together, and where all
   * prompts of a batch stand in it as often, each after itself, sequences attend to one copy of its keys and values. Sums
   * are then taken in another order: results differ in their last bits.
   */
  'sharePrompts': (boolean);
}
