// Original file: protos/decorum/trainer/v1/trainer_service.proto


/**
 * One metric over the points of the answer; NaN: it has no value there.
 */
export interface Curve {
  /**
   * Name of the metric.
   */
  'name'?: (string);
  /**
   * Mean over the steps of each point.
   */
  'mean'?: (number | string)[];
  /**
   * Lowest of them.
   */
  'min'?: (number | string)[];
  /**
   * Highest of them.
   */
  'max'?: (number | string)[];
}

/**
 * One metric over the points of the answer; NaN: it has no value there.
 */
export interface Curve__Output {
  /**
   * Name of the metric.
   */
  'name': (string);
  /**
   * Mean over the steps of each point.
   */
  'mean': (number)[];
  /**
   * Lowest of them.
   */
  'min': (number)[];
  /**
   * Highest of them.
   */
  'max': (number)[];
}
