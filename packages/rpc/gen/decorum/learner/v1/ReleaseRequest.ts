// Original file: protos/decorum/learner/v1/learner_service.proto


/**
 * Which run has ended.
 */
export interface ReleaseRequest {
  /**
   * LoadHeader.run_id.
   */
  'runId'?: (string);
}

/**
 * Which run has ended.
 */
export interface ReleaseRequest__Output {
  /**
   * LoadHeader.run_id.
   */
  'runId': (string);
}
