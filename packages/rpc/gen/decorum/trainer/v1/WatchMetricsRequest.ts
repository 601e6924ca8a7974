// Original file: protos/decorum/trainer/v1/trainer_service.proto


/**
 * Asks for metrics.
 */
export interface WatchMetricsRequest {
  /**
   * Run; empty: the active one.
   */
  'runId'?: (string);
  /**
   * First step wanted, from 1; 0: steps to come only.
   */
  'fromStep'?: (number);
}

/**
 * Asks for metrics.
 */
export interface WatchMetricsRequest__Output {
  /**
   * Run; empty: the active one.
   */
  'runId': (string);
  /**
   * First step wanted, from 1; 0: steps to come only.
   */
  'fromStep': (number);
}
