// Original file: protos/third_party/inference/grpc_service.proto


export interface ModelStatisticsRequest {
  /**
   * Empty: all models.
   */
  'name'?: (string);
  /**
   * Empty: all versions.
   */
  'version'?: (string);
}

export interface ModelStatisticsRequest__Output {
  /**
   * Empty: all models.
   */
  'name': (string);
  /**
   * Empty: all versions.
   */
  'version': (string);
}
