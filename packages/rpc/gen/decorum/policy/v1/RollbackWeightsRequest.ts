// Original file: protos/decorum/policy/v1/policy_service.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Goes back one version.
 */
export interface RollbackWeightsRequest {
  /**
   * Run.
   */
  'runId'?: (string);
  /**
   * The version that must still be the newest.
   */
  'expectedVersion'?: (number | string | Long);
}

/**
 * Goes back one version.
 */
export interface RollbackWeightsRequest__Output {
  /**
   * Run.
   */
  'runId': (string);
  /**
   * The version that must still be the newest.
   */
  'expectedVersion': (number);
}
