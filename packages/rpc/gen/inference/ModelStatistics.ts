// Original file: protos/third_party/inference/grpc_service.proto

import type { InferStatistics as _inference_InferStatistics, InferStatistics__Output as _inference_InferStatistics__Output } from '../inference/InferStatistics.ts';
import type { InferBatchStatistics as _inference_InferBatchStatistics, InferBatchStatistics__Output as _inference_InferBatchStatistics__Output } from '../inference/InferBatchStatistics.ts';
import type { Long } from '@grpc/proto-loader';

export interface ModelStatistics {
  'name'?: (string);
  'version'?: (string);
  /**
   * Milliseconds since 1970 of the last request.
   */
  'lastInference'?: (number | string | Long);
  /**
   * Texts, one by one, in successful requests.
   */
  'inferenceCount'?: (number | string | Long);
  /**
   * Batches that ran.
   */
  'executionCount'?: (number | string | Long);
  'inferenceStats'?: (_inference_InferStatistics | null);
  /**
   * By the size of the batches that ran.
   */
  'batchStats'?: (_inference_InferBatchStatistics)[];
}

export interface ModelStatistics__Output {
  'name': (string);
  'version': (string);
  /**
   * Milliseconds since 1970 of the last request.
   */
  'lastInference': (number);
  /**
   * Texts, one by one, in successful requests.
   */
  'inferenceCount': (number);
  /**
   * Batches that ran.
   */
  'executionCount': (number);
  'inferenceStats': (_inference_InferStatistics__Output | null);
  /**
   * By the size of the batches that ran.
   */
  'batchStats': (_inference_InferBatchStatistics__Output)[];
}
