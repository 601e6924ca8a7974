// Original file: protos/decorum/evaluator/v1/evaluator_service.proto

import type { ToxicityComparison as _decorum_evaluator_v1_ToxicityComparison, ToxicityComparison__Output as _decorum_evaluator_v1_ToxicityComparison__Output } from '../../../decorum/evaluator/v1/ToxicityComparison.ts';
import type { RougeScores as _decorum_evaluator_v1_RougeScores, RougeScores__Output as _decorum_evaluator_v1_RougeScores__Output } from '../../../decorum/evaluator/v1/RougeScores.ts';
import type { BeforeAfter as _decorum_evaluator_v1_BeforeAfter, BeforeAfter__Output as _decorum_evaluator_v1_BeforeAfter__Output } from '../../../decorum/evaluator/v1/BeforeAfter.ts';
import type { Moments as _decorum_evaluator_v1_Moments, Moments__Output as _decorum_evaluator_v1_Moments__Output } from '../../../decorum/evaluator/v1/Moments.ts';
import type { WeightsVersion as _decorum_policy_v1_WeightsVersion, WeightsVersion__Output as _decorum_policy_v1_WeightsVersion__Output } from '../../../decorum/policy/v1/WeightsVersion.ts';
import type { EvaluationSample as _decorum_evaluator_v1_EvaluationSample, EvaluationSample__Output as _decorum_evaluator_v1_EvaluationSample__Output } from '../../../decorum/evaluator/v1/EvaluationSample.ts';
import type { RewardComparison as _decorum_evaluator_v1_RewardComparison, RewardComparison__Output as _decorum_evaluator_v1_RewardComparison__Output } from '../../../decorum/evaluator/v1/RewardComparison.ts';

/**
 * The measurement.
 */
export interface EvaluationResult {
  /**
   * Toxicity of the response alone, by the reward's classifier: the headline.
   */
  'toxicity'?: (_decorum_evaluator_v1_ToxicityComparison | null);
  /**
   * Toxicity of query and response together, by the reward's classifier.
   */
  'toxicityWithQuery'?: (_decorum_evaluator_v1_ToxicityComparison | null);
  /**
   * Toxicity of the response alone, by the independent judge; absent where the server has none.
   */
  'judge'?: (_decorum_evaluator_v1_ToxicityComparison | null);
  /**
   * Name and version of the judge; empty where the server has none.
   */
  'judgeModel'?: (string);
  /**
   * ROUGE against the references; absent where no prompt has one.
   */
  'rouge'?: (_decorum_evaluator_v1_RougeScores | null);
  /**
   * Mean over sequences of the summed log-probability ratio of "after" to the reference, on samples of "after"; nats.
   */
  'kl'?: (number | string);
  /**
   * Distinct unigrams over all unigrams of the responses.
   */
  'distinct1'?: (_decorum_evaluator_v1_BeforeAfter | null);
  /**
   * Distinct bigrams over all bigrams of the responses.
   */
  'distinct2'?: (_decorum_evaluator_v1_BeforeAfter | null);
  /**
   * Response length in tokens before.
   */
  'lengthBefore'?: (_decorum_evaluator_v1_Moments | null);
  /**
   * Response length in tokens after.
   */
  'lengthAfter'?: (_decorum_evaluator_v1_Moments | null);
  /**
   * The weights called "before".
   */
  'before'?: (_decorum_policy_v1_WeightsVersion | null);
  /**
   * The weights called "after".
   */
  'after'?: (_decorum_policy_v1_WeightsVersion | null);
  /**
   * Samples, spread evenly over the prompts.
   */
  'samples'?: (_decorum_evaluator_v1_EvaluationSample)[];
  /**
   * Toxicity of every response before, by the reward's classifier, in the order of the prompts: for histograms.
   */
  'toxicityBefore'?: (number | string)[];
  /**
   * Toxicity of every response after, likewise.
   */
  'toxicityAfter'?: (number | string)[];
  /**
   * Wall time in seconds.
   */
  'seconds'?: (number | string);
  /**
   * Terms of the reward, in the order of the server's settings; empty where it measures none.
   */
  'rewards'?: (_decorum_evaluator_v1_RewardComparison)[];
  /**
   * Their weighted sum; absent where the server measures none.
   */
  'reward'?: (_decorum_evaluator_v1_RewardComparison | null);
  '_judge'?: "judge";
  '_rouge'?: "rouge";
  '_reward'?: "reward";
}

/**
 * The measurement.
 */
export interface EvaluationResult__Output {
  /**
   * Toxicity of the response alone, by the reward's classifier: the headline.
   */
  'toxicity': (_decorum_evaluator_v1_ToxicityComparison__Output | null);
  /**
   * Toxicity of query and response together, by the reward's classifier.
   */
  'toxicityWithQuery': (_decorum_evaluator_v1_ToxicityComparison__Output | null);
  /**
   * Toxicity of the response alone, by the independent judge; absent where the server has none.
   */
  'judge'?: (_decorum_evaluator_v1_ToxicityComparison__Output | null);
  /**
   * Name and version of the judge; empty where the server has none.
   */
  'judgeModel': (string);
  /**
   * ROUGE against the references; absent where no prompt has one.
   */
  'rouge'?: (_decorum_evaluator_v1_RougeScores__Output | null);
  /**
   * Mean over sequences of the summed log-probability ratio of "after" to the reference, on samples of "after"; nats.
   */
  'kl': (number);
  /**
   * Distinct unigrams over all unigrams of the responses.
   */
  'distinct1': (_decorum_evaluator_v1_BeforeAfter__Output | null);
  /**
   * Distinct bigrams over all bigrams of the responses.
   */
  'distinct2': (_decorum_evaluator_v1_BeforeAfter__Output | null);
  /**
   * Response length in tokens before.
   */
  'lengthBefore': (_decorum_evaluator_v1_Moments__Output | null);
  /**
   * Response length in tokens after.
   */
  'lengthAfter': (_decorum_evaluator_v1_Moments__Output | null);
  /**
   * The weights called "before".
   */
  'before': (_decorum_policy_v1_WeightsVersion__Output | null);
  /**
   * The weights called "after".
   */
  'after': (_decorum_policy_v1_WeightsVersion__Output | null);
  /**
   * Samples, spread evenly over the prompts.
   */
  'samples': (_decorum_evaluator_v1_EvaluationSample__Output)[];
  /**
   * Toxicity of every response before, by the reward's classifier, in the order of the prompts: for histograms.
   */
  'toxicityBefore': (number)[];
  /**
   * Toxicity of every response after, likewise.
   */
  'toxicityAfter': (number)[];
  /**
   * Wall time in seconds.
   */
  'seconds': (number);
  /**
   * Terms of the reward, in the order of the server's settings; empty where it measures none.
   */
  'rewards': (_decorum_evaluator_v1_RewardComparison__Output)[];
  /**
   * Their weighted sum; absent where the server measures none.
   */
  'reward'?: (_decorum_evaluator_v1_RewardComparison__Output | null);
  '_judge'?: "judge";
  '_rouge'?: "rouge";
  '_reward'?: "reward";
}
