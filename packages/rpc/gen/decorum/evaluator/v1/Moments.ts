// Original file: protos/decorum/evaluator/v1/evaluator_service.proto


/**
 * Mean and spread.
 */
export interface Moments {
  /**
   * Arithmetic mean.
   */
  'mean'?: (number | string);
  /**
   * Population standard deviation.
   */
  'std'?: (number | string);
}

/**
 * Mean and spread.
 */
export interface Moments__Output {
  /**
   * Arithmetic mean.
   */
  'mean': (number);
  /**
   * Population standard deviation.
   */
  'std': (number);
}
