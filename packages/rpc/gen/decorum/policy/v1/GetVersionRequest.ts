// Original file: protos/decorum/policy/v1/policy_service.proto


/**
 * Asks for the weights that are held.
 */
export interface GetVersionRequest {
  /**
   * Run; empty: all runs.
   */
  'runId'?: (string);
}

/**
 * Asks for the weights that are held.
 */
export interface GetVersionRequest__Output {
  /**
   * Run; empty: all runs.
   */
  'runId': (string);
}
