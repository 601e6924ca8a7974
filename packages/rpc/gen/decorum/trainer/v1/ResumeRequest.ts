// Original file: protos/decorum/trainer/v1/trainer_service.proto


/**
 * Resumes a paused run.
 */
export interface ResumeRequest {
  /**
   * Run; empty: the active one.
   */
  'runId'?: (string);
}

/**
 * Resumes a paused run.
 */
export interface ResumeRequest__Output {
  /**
   * Run; empty: the active one.
   */
  'runId': (string);
}
