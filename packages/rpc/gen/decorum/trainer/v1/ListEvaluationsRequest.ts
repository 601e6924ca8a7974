// Original file: protos/decorum/trainer/v1/trainer_service.proto


/**
 * Asks for evaluations.
 */
export interface ListEvaluationsRequest {
  /**
   * Run.
   */
  'runId'?: (string);
}

/**
 * Asks for evaluations.
 */
export interface ListEvaluationsRequest__Output {
  /**
   * Run.
   */
  'runId': (string);
}
