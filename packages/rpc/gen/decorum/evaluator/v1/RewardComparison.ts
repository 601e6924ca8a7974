// Original file: protos/decorum/evaluator/v1/evaluator_service.proto

import type { Moments as _decorum_evaluator_v1_Moments, Moments__Output as _decorum_evaluator_v1_Moments__Output } from '../../../decorum/evaluator/v1/Moments.ts';

/**
 * A term of the reward, or the weighted sum of all, before and after. Pairs to which a term does not apply on one of the
 * sides are left out of it.
 */
export interface RewardComparison {
  /**
   * Name of the term; empty for the sum.
   */
  'name'?: (string);
  /**
   * What the term counts in the sum.
   */
  'weight'?: (number | string);
  /**
   * Pairs compared.
   */
  'n'?: (number);
  /**
   * Before; absent where no pair is left.
   */
  'before'?: (_decorum_evaluator_v1_Moments | null);
  /**
   * After; absent where no pair is left.
   */
  'after'?: (_decorum_evaluator_v1_Moments | null);
  /**
   * Mean of after - before: positive is more reward. Absent where no pair is left.
   */
  'difference'?: (number | string);
  /**
   * Lower end of the bootstrap 95 % interval of difference.
   */
  'ci95Low'?: (number | string);
  /**
   * Upper end of the bootstrap 95 % interval of difference.
   */
  'ci95High'?: (number | string);
  '_before'?: "before";
  '_after'?: "after";
  '_difference'?: "difference";
  '_ci95Low'?: "ci95Low";
  '_ci95High'?: "ci95High";
}

/**
 * A term of the reward, or the weighted sum of all, before and after. Pairs to which a term does not apply on one of the
 * sides are left out of it.
 */
export interface RewardComparison__Output {
  /**
   * Name of the term; empty for the sum.
   */
  'name': (string);
  /**
   * What the term counts in the sum.
   */
  'weight': (number);
  /**
   * Pairs compared.
   */
  'n': (number);
  /**
   * Before; absent where no pair is left.
   */
  'before'?: (_decorum_evaluator_v1_Moments__Output | null);
  /**
   * After; absent where no pair is left.
   */
  'after'?: (_decorum_evaluator_v1_Moments__Output | null);
  /**
   * Mean of after - before: positive is more reward. Absent where no pair is left.
   */
  'difference'?: (number);
  /**
   * Lower end of the bootstrap 95 % interval of difference.
   */
  'ci95Low'?: (number);
  /**
   * Upper end of the bootstrap 95 % interval of difference.
   */
  'ci95High'?: (number);
  '_before'?: "before";
  '_after'?: "after";
  '_difference'?: "difference";
  '_ci95Low'?: "ci95Low";
  '_ci95High'?: "ci95High";
}
