// Original file: protos/decorum/policy/v1/policy_service.proto

import type { WeightsManifest as _decorum_policy_v1_WeightsManifest, WeightsManifest__Output as _decorum_policy_v1_WeightsManifest__Output } from '../../../decorum/policy/v1/WeightsManifest.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * Opens a push of weights.
 */
export interface BeginWeightsRequest {
  /**
   * Run that pushes.
   */
  'runId'?: (string);
  /**
   * Hash of the base model that the weights belong to: GetModelInfoResponse.base_model_hash.
   */
  'baseModelHash'?: (string);
  /**
   * The run's newest version as the caller knows it; 0 where it pushed none. The commit makes this + 1.
   */
  'expectedVersion'?: (number | string | Long);
  /**
   * What will be uploaded.
   */
  'manifest'?: (_decorum_policy_v1_WeightsManifest | null);
  /**
   * True: all that the policy holds of the run is replaced by this push when it commits, whatever its version
   * was; the version becomes expected_version + 1. For a trainer that resumed from an older checkpoint.
   */
  'restart'?: (boolean);
}

/**
 * Opens a push of weights.
 */
export interface BeginWeightsRequest__Output {
  /**
   * Run that pushes.
   */
  'runId': (string);
  /**
   * Hash of the base model that the weights belong to: GetModelInfoResponse.base_model_hash.
   */
  'baseModelHash': (string);
  /**
   * The run's newest version as the caller knows it; 0 where it pushed none. The commit makes this + 1.
   */
  'expectedVersion': (number);
  /**
   * What will be uploaded.
   */
  'manifest': (_decorum_policy_v1_WeightsManifest__Output | null);
  /**
   * True: all that the policy holds of the run is replaced by this push when it commits, whatever its version
   * was; the version becomes expected_version + 1. For a trainer that resumed from an older checkpoint.
   */
  'restart': (boolean);
}
