// Original file: protos/decorum/reward/v1/reward_service.proto


/**
 * What is served now.
 */
export interface ReloadModelResponse {
  /**
   * Hash of the classifier: GetInfoResponse.model_version.
   */
  'modelVersion'?: (string);
  /**
   * False: the folder holds what was served before.
   */
  'changed'?: (boolean);
}

/**
 * What is served now.
 */
export interface ReloadModelResponse__Output {
  /**
   * Hash of the classifier: GetInfoResponse.model_version.
   */
  'modelVersion': (string);
  /**
   * False: the folder holds what was served before.
   */
  'changed': (boolean);
}
