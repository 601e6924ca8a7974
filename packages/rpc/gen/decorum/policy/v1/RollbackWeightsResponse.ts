// Original file: protos/decorum/policy/v1/policy_service.proto

import type { WeightsVersion as _decorum_policy_v1_WeightsVersion, WeightsVersion__Output as _decorum_policy_v1_WeightsVersion__Output } from '../../../decorum/policy/v1/WeightsVersion.ts';

/**
 * The version gone back to.
 */
export interface RollbackWeightsResponse {
  /**
   * The run's newest weights, with their old version number.
   */
  'weights'?: (_decorum_policy_v1_WeightsVersion | null);
}

/**
 * The version gone back to.
 */
export interface RollbackWeightsResponse__Output {
  /**
   * The run's newest weights, with their old version number.
   */
  'weights': (_decorum_policy_v1_WeightsVersion__Output | null);
}
