// Original file: protos/decorum/policy/v1/policy_service.proto

import type { WeightsVersion as _decorum_policy_v1_WeightsVersion, WeightsVersion__Output as _decorum_policy_v1_WeightsVersion__Output } from '../../../decorum/policy/v1/WeightsVersion.ts';

/**
 * The version made.
 */
export interface CommitWeightsResponse {
  /**
   * The run's newest weights.
   */
  'weights'?: (_decorum_policy_v1_WeightsVersion | null);
}

/**
 * The version made.
 */
export interface CommitWeightsResponse__Output {
  /**
   * The run's newest weights.
   */
  'weights': (_decorum_policy_v1_WeightsVersion__Output | null);
}
