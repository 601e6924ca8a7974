// Original file: protos/decorum/trainer/v1/trainer_service.proto


/**
 * Asks for a run.
 */
export interface GetRunRequest {
  /**
   * Id.
   */
  'runId'?: (string);
}

/**
 * Asks for a run.
 */
export interface GetRunRequest__Output {
  /**
   * Id.
   */
  'runId': (string);
}
