// Original file: protos/decorum/policy/v1/policy_service.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Makes an upload the newest version.
 */
export interface CommitWeightsRequest {
  /**
   * The push.
   */
  'uploadId'?: (string);
  /**
   * The version that must still be the newest.
   */
  'expectedVersion'?: (number | string | Long);
}

/**
 * Makes an upload the newest version.
 */
export interface CommitWeightsRequest__Output {
  /**
   * The push.
   */
  'uploadId': (string);
  /**
   * The version that must still be the newest.
   */
  'expectedVersion': (number);
}
