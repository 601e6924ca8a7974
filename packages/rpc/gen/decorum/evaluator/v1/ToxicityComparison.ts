// Original file: protos/decorum/evaluator/v1/evaluator_service.proto

import type { Moments as _decorum_evaluator_v1_Moments, Moments__Output as _decorum_evaluator_v1_Moments__Output } from '../../../decorum/evaluator/v1/Moments.ts';

/**
 * Toxicity before and after: probability of the toxic label, in [0, 1].
 */
export interface ToxicityComparison {
  /**
   * Pairs compared.
   */
  'n'?: (number);
  /**
   * Before.
   */
  'before'?: (_decorum_evaluator_v1_Moments | null);
  /**
   * After.
   */
  'after'?: (_decorum_evaluator_v1_Moments | null);
  /**
   * 100 (before - after) / before of the means: positive is less toxic. Absent where before is 0.
   */
  'improvementPct'?: (number | string);
  /**
   * Lower end of the bootstrap 95 % interval of improvement_pct.
   */
  'ci95Low'?: (number | string);
  /**
   * Upper end of the bootstrap 95 % interval of improvement_pct.
   */
  'ci95High'?: (number | string);
  '_improvementPct'?: "improvementPct";
  '_ci95Low'?: "ci95Low";
  '_ci95High'?: "ci95High";
}

/**
 * Toxicity before and after: probability of the toxic label, in [0, 1].
 */
export interface ToxicityComparison__Output {
  /**
   * Pairs compared.
   */
  'n': (number);
  /**
   * Before.
   */
  'before': (_decorum_evaluator_v1_Moments__Output | null);
  /**
   * After.
   */
  'after': (_decorum_evaluator_v1_Moments__Output | null);
  /**
   * 100 (before - after) / before of the means: positive is less toxic. Absent where before is 0.
   */
  'improvementPct'?: (number);
  /**
   * Lower end of the bootstrap 95 % interval of improvement_pct.
   */
  'ci95Low'?: (number);
  /**
   * Upper end of the bootstrap 95 % interval of improvement_pct.
   */
  'ci95High'?: (number);
  '_improvementPct'?: "improvementPct";
  '_ci95Low'?: "ci95Low";
  '_ci95High'?: "ci95High";
}
