// Original file: protos/decorum/trainer/v1/trainer_service.proto


/**
 * Ends a run.
 */
export interface StopRequest {
  /**
   * Run; empty: the active one.
   */
  'runId'?: (string);
  /**
   * True: end without a last checkpoint.
   */
  'skipCheckpoint'?: (boolean);
}

/**
 * Ends a run.
 */
export interface StopRequest__Output {
  /**
   * Run; empty: the active one.
   */
  'runId': (string);
  /**
   * True: end without a last checkpoint.
   */
  'skipCheckpoint': (boolean);
}
