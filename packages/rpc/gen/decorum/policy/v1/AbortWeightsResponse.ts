// Original file: protos/decorum/policy/v1/policy_service.proto


/**
 * Says whether there was something to drop.
 */
export interface AbortWeightsResponse {
  /**
   * False: the push was gone or committed already.
   */
  'aborted'?: (boolean);
}

/**
 * Says whether there was something to drop.
 */
export interface AbortWeightsResponse__Output {
  /**
   * False: the push was gone or committed already.
   */
  'aborted': (boolean);
}
