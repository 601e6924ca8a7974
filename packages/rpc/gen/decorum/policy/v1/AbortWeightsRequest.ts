// Original file: protos/decorum/policy/v1/policy_service.proto


/**
 * Drops a push.
 */
export interface AbortWeightsRequest {
  /**
   * The push.
   */
  'uploadId'?: (string);
}

/**
 * Drops a push.
 */
export interface AbortWeightsRequest__Output {
  /**
   * The push.
   */
  'uploadId': (string);
}
