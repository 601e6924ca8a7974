// Original file: protos/decorum/evaluator/v1/evaluator_service.proto

import type { BeforeAfter as _decorum_evaluator_v1_BeforeAfter, BeforeAfter__Output as _decorum_evaluator_v1_BeforeAfter__Output } from '../../../decorum/evaluator/v1/BeforeAfter.ts';

/**
 * Means of ROUGE F-measures over the prompts with a reference, in [0, 1], as the rouge-score package counts.
 */
export interface RougeScores {
  /**
   * ROUGE-1.
   */
  'rouge1'?: (_decorum_evaluator_v1_BeforeAfter | null);
  /**
   * ROUGE-2.
   */
  'rouge2'?: (_decorum_evaluator_v1_BeforeAfter | null);
  /**
   * ROUGE-L.
   */
  'rougeL'?: (_decorum_evaluator_v1_BeforeAfter | null);
  /**
   * Prompts with a reference.
   */
  'n'?: (number);
}

/**
 * Means of ROUGE F-measures over the prompts with a reference, in [0, 1], as the rouge-score package counts.
 */
export interface RougeScores__Output {
  /**
   * ROUGE-1.
   */
  'rouge1': (_decorum_evaluator_v1_BeforeAfter__Output | null);
  /**
   * ROUGE-2.
   */
  'rouge2': (_decorum_evaluator_v1_BeforeAfter__Output | null);
  /**
   * ROUGE-L.
   */
  'rougeL': (_decorum_evaluator_v1_BeforeAfter__Output | null);
  /**
   * Prompts with a reference.
   */
  'n': (number);
}
