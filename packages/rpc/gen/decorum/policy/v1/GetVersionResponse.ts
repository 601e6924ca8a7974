// Original file: protos/decorum/policy/v1/policy_service.proto

import type { WeightsVersion as _decorum_policy_v1_WeightsVersion, WeightsVersion__Output as _decorum_policy_v1_WeightsVersion__Output } from '../../../decorum/policy/v1/WeightsVersion.ts';

/**
 * The weights that are held.
 */
export interface GetVersionResponse {
  /**
   * The run's newest weights (of all runs, the ones pushed last).
   */
  'current'?: (_decorum_policy_v1_WeightsVersion | null);
  /**
   * All weights that a request may name.
   */
  'held'?: (_decorum_policy_v1_WeightsVersion)[];
}

/**
 * The weights that are held.
 */
export interface GetVersionResponse__Output {
  /**
   * The run's newest weights (of all runs, the ones pushed last).
   */
  'current': (_decorum_policy_v1_WeightsVersion__Output | null);
  /**
   * All weights that a request may name.
   */
  'held': (_decorum_policy_v1_WeightsVersion__Output)[];
}
