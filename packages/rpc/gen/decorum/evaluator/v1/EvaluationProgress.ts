// Original file: protos/decorum/evaluator/v1/evaluator_service.proto

import type { EvaluationPhase as _decorum_evaluator_v1_EvaluationPhase, EvaluationPhase__Output as _decorum_evaluator_v1_EvaluationPhase__Output } from '../../../decorum/evaluator/v1/EvaluationPhase.ts';

/**
 * How far an evaluation has come.
 */
export interface EvaluationProgress {
  /**
   * What is being done.
   */
  'phase'?: (_decorum_evaluator_v1_EvaluationPhase);
  /**
   * Items done in this phase.
   */
  'done'?: (number);
  /**
   * Items of this phase.
   */
  'total'?: (number);
}

/**
 * How far an evaluation has come.
 */
export interface EvaluationProgress__Output {
  /**
   * What is being done.
   */
  'phase': (_decorum_evaluator_v1_EvaluationPhase__Output);
  /**
   * Items done in this phase.
   */
  'done': (number);
  /**
   * Items of this phase.
   */
  'total': (number);
}
