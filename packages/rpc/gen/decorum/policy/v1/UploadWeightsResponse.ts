// Original file: protos/decorum/policy/v1/policy_service.proto

import type { Long } from '@grpc/proto-loader';

/**
 * What arrived.
 */
export interface UploadWeightsResponse {
  /**
   * Bytes received in all.
   */
  'receivedBytes'?: (number | string | Long);
}

/**
 * What arrived.
 */
export interface UploadWeightsResponse__Output {
  /**
   * Bytes received in all.
   */
  'receivedBytes': (number);
}
