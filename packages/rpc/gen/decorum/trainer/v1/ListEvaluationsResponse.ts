// Original file: protos/decorum/trainer/v1/trainer_service.proto

import type { RecordedEvaluation as _decorum_trainer_v1_RecordedEvaluation, RecordedEvaluation__Output as _decorum_trainer_v1_RecordedEvaluation__Output } from '../../../decorum/trainer/v1/RecordedEvaluation.ts';

/**
 * Evaluations of a run.
 */
export interface ListEvaluationsResponse {
  /**
   * In the order of their steps.
   */
  'evaluations'?: (_decorum_trainer_v1_RecordedEvaluation)[];
}

/**
 * Evaluations of a run.
 */
export interface ListEvaluationsResponse__Output {
  /**
   * In the order of their steps.
   */
  'evaluations': (_decorum_trainer_v1_RecordedEvaluation__Output)[];
}
