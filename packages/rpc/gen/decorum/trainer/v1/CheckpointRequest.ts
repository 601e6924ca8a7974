// Original file: protos/decorum/trainer/v1/trainer_service.proto


/**
 * Writes a checkpoint.
 */
export interface CheckpointRequest {
  /**
   * Run; empty: the active one.
   */
  'runId'?: (string);
}

/**
 * Writes a checkpoint.
 */
export interface CheckpointRequest__Output {
  /**
   * Run; empty: the active one.
   */
  'runId': (string);
}
