// Original file: protos/third_party/inference/grpc_service.proto


export interface RepositoryIndexRequest {
  'repositoryName'?: (string);
  /**
   * True: models that can be asked now, no others.
   */
  'ready'?: (boolean);
}

export interface RepositoryIndexRequest__Output {
  'repositoryName': (string);
  /**
   * True: models that can be asked now, no others.
   */
  'ready': (boolean);
}
