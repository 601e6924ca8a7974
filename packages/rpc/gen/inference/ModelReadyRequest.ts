// Original file: protos/third_party/inference/grpc_service.proto


export interface ModelReadyRequest {
  'name'?: (string);
  /**
   * Empty: the one that is served.
   */
  'version'?: (string);
}

export interface ModelReadyRequest__Output {
  'name': (string);
  /**
   * Empty: the one that is served.
   */
  'version': (string);
}
