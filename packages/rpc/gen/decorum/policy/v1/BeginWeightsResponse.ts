// Original file: protos/decorum/policy/v1/policy_service.proto


/**
 * An open push.
 */
export interface BeginWeightsResponse {
  /**
   * Names the push in the calls that follow.
   */
  'uploadId'?: (string);
  /**
   * Largest UploadWeightsRequest.data, in bytes.
   */
  'maxChunkBytes'?: (number);
}

/**
 * An open push.
 */
export interface BeginWeightsResponse__Output {
  /**
   * Names the push in the calls that follow.
   */
  'uploadId': (string);
  /**
   * Largest UploadWeightsRequest.data, in bytes.
   */
  'maxChunkBytes': (number);
}
