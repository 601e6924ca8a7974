// Original file: protos/decorum/trainer/v1/trainer_service.proto


/**
 * Asks for curves.
 */
export interface GetCurvesRequest {
  /**
   * Run.
   */
  'runId'?: (string);
  /**
   * Names of metrics.
   */
  'names'?: (string)[];
  /**
   * Points of a curve at most, about; 0: 400.
   */
  'points'?: (number);
  /**
   * First step wanted; 0: all.
   */
  'fromStep'?: (number);
  /**
   * Steps in a point that the caller has: where that is no longer right, all points are given. 0: none.
   */
  'width'?: (number);
}

/**
 * Asks for curves.
 */
export interface GetCurvesRequest__Output {
  /**
   * Run.
   */
  'runId': (string);
  /**
   * Names of metrics.
   */
  'names': (string)[];
  /**
   * Points of a curve at most, about; 0: 400.
   */
  'points': (number);
  /**
   * First step wanted; 0: all.
   */
  'fromStep': (number);
  /**
   * Steps in a point that the caller has: where that is no longer right, all points are given. 0: none.
   */
  'width': (number);
}
