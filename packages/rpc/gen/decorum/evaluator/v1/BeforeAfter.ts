// Original file: protos/decorum/evaluator/v1/evaluator_service.proto


/**
 * One number on both sides.
 */
export interface BeforeAfter {
  /**
   * Before.
   */
  'before'?: (number | string);
  /**
   * After.
   */
  'after'?: (number | string);
}

/**
 * One number on both sides.
 */
export interface BeforeAfter__Output {
  /**
   * Before.
   */
  'before': (number);
  /**
   * After.
   */
  'after': (number);
}
