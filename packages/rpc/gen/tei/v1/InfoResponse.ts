// Original file: protos/third_party/tei/tei.proto

import type { ModelType as _tei_v1_ModelType, ModelType__Output as _tei_v1_ModelType__Output } from '../../tei/v1/ModelType.ts';

export interface InfoResponse {
  /**
   * Version of the server.
   */
  'version'?: (string);
  'sha'?: (string);
  'dockerLabel'?: (string);
  'modelId'?: (string);
  /**
   * Here: SHA-256 over the classifier's configuration, weights and tokenizer.
   */
  'modelSha'?: (string);
  /**
   * As "float32".
   */
  'modelDtype'?: (string);
  'modelType'?: (_tei_v1_ModelType);
  'maxConcurrentRequests'?: (number);
  /**
   * Tokens of an input, special ones included.
   */
  'maxInputLength'?: (number);
  'maxBatchTokens'?: (number);
  'maxBatchRequests'?: (number);
  'maxClientBatchSize'?: (number);
  'tokenizationWorkers'?: (number);
  '_sha'?: "sha";
  '_dockerLabel'?: "dockerLabel";
  '_modelSha'?: "modelSha";
  '_maxBatchRequests'?: "maxBatchRequests";
}

export interface InfoResponse__Output {
  /**
   * Version of the server.
   */
  'version': (string);
  'sha'?: (string);
  'dockerLabel'?: (string);
  'modelId': (string);
  /**
   * Here: SHA-256 over the classifier's configuration, weights and tokenizer.
   */
  'modelSha'?: (string);
  /**
   * As "float32".
   */
  'modelDtype': (string);
  'modelType': (_tei_v1_ModelType__Output);
  'maxConcurrentRequests': (number);
  /**
   * Tokens of an input, special ones included.
   */
  'maxInputLength': (number);
  'maxBatchTokens': (number);
  'maxBatchRequests'?: (number);
  'maxClientBatchSize': (number);
  'tokenizationWorkers': (number);
  '_sha'?: "sha";
  '_dockerLabel'?: "dockerLabel";
  '_modelSha'?: "modelSha";
  '_maxBatchRequests'?: "maxBatchRequests";
}
