// Original file: protos/decorum/evaluator/v1/evaluator_service.proto

import type { EvaluationPrompt as _decorum_evaluator_v1_EvaluationPrompt, EvaluationPrompt__Output as _decorum_evaluator_v1_EvaluationPrompt__Output } from '../../../decorum/evaluator/v1/EvaluationPrompt.ts';
import type { SamplingParameters as _decorum_policy_v1_SamplingParameters, SamplingParameters__Output as _decorum_policy_v1_SamplingParameters__Output } from '../../../decorum/policy/v1/SamplingParameters.ts';
import type { WeightsSelector as _decorum_policy_v1_WeightsSelector, WeightsSelector__Output as _decorum_policy_v1_WeightsSelector__Output } from '../../../decorum/policy/v1/WeightsSelector.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * What to evaluate.
 */
export interface EvaluateRequest {
  /**
   * Held-out prompts; at least 2.
   */
  'prompts'?: (_decorum_evaluator_v1_EvaluationPrompt)[];
  /**
   * How both sides are sampled.
   */
  'sampling'?: (_decorum_policy_v1_SamplingParameters | null);
  /**
   * Seed of the draws and of the bootstrap, at most 2^53 - 1.
   */
  'seed'?: (number | string | Long);
  /**
   * The side called "before"; absent: START.
   */
  'before'?: (_decorum_policy_v1_WeightsSelector | null);
  /**
   * The side called "after"; absent: the newest version.
   */
  'after'?: (_decorum_policy_v1_WeightsSelector | null);
  /**
   * Resamples of the bootstrap; 0: 2000.
   */
  'bootstrapSamples'?: (number);
  /**
   * Rows of the table of samples to return.
   */
  'samples'?: (number);
}

/**
 * What to evaluate.
 */
export interface EvaluateRequest__Output {
  /**
   * Held-out prompts; at least 2.
   */
  'prompts': (_decorum_evaluator_v1_EvaluationPrompt__Output)[];
  /**
   * How both sides are sampled.
   */
  'sampling': (_decorum_policy_v1_SamplingParameters__Output | null);
  /**
   * Seed of the draws and of the bootstrap, at most 2^53 - 1.
   */
  'seed': (number);
  /**
   * The side called "before"; absent: START.
   */
  'before': (_decorum_policy_v1_WeightsSelector__Output | null);
  /**
   * The side called "after"; absent: the newest version.
   */
  'after': (_decorum_policy_v1_WeightsSelector__Output | null);
  /**
   * Resamples of the bootstrap; 0: 2000.
   */
  'bootstrapSamples': (number);
  /**
   * Rows of the table of samples to return.
   */
  'samples': (number);
}
