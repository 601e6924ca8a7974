// Original file: protos/decorum/trainer/v1/trainer_service.proto


/**
 * Pauses a run.
 */
export interface PauseRequest {
  /**
   * Run; empty: the active one.
   */
  'runId'?: (string);
}

/**
 * Pauses a run.
 */
export interface PauseRequest__Output {
  /**
   * Run; empty: the active one.
   */
  'runId': (string);
}
