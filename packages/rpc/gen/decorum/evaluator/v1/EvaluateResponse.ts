// Original file: protos/decorum/evaluator/v1/evaluator_service.proto

import type { EvaluationProgress as _decorum_evaluator_v1_EvaluationProgress, EvaluationProgress__Output as _decorum_evaluator_v1_EvaluationProgress__Output } from '../../../decorum/evaluator/v1/EvaluationProgress.ts';
import type { EvaluationResult as _decorum_evaluator_v1_EvaluationResult, EvaluationResult__Output as _decorum_evaluator_v1_EvaluationResult__Output } from '../../../decorum/evaluator/v1/EvaluationResult.ts';

/**
 * Progress, or the result: the last message of the stream.
 */
export interface EvaluateResponse {
  /**
   * Progress.
   */
  'progress'?: (_decorum_evaluator_v1_EvaluationProgress | null);
  /**
   * The result.
   */
  'result'?: (_decorum_evaluator_v1_EvaluationResult | null);
  /**
   * What this message carries.
   */
  'event'?: "progress"|"result";
}

/**
 * Progress, or the result: the last message of the stream.
 */
export interface EvaluateResponse__Output {
  /**
   * Progress.
   */
  'progress'?: (_decorum_evaluator_v1_EvaluationProgress__Output | null);
  /**
   * The result.
   */
  'result'?: (_decorum_evaluator_v1_EvaluationResult__Output | null);
  /**
   * What this message carries.
   */
  'event'?: "progress"|"result";
}
