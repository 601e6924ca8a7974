// Original file: protos/decorum/policy/v1/generation.proto

import type { WeightsKind as _decorum_policy_v1_WeightsKind, WeightsKind__Output as _decorum_policy_v1_WeightsKind__Output } from '../../../decorum/policy/v1/WeightsKind.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * Names weights. The answer to a request says which weights made it.
 */
export interface WeightsSelector {
  /**
   * Kind of weights.
   */
  'kind'?: (_decorum_policy_v1_WeightsKind);
  /**
   * Run whose weights are meant; empty: the run that pushed last. Not read for BASE.
   */
  'runId'?: (string);
  /**
   * Version, 1 and up; read for VERSION only. At most 2^53 - 1.
   */
  'version'?: (number | string | Long);
}

/**
 * Names weights. The answer to a request says which weights made it.
 */
export interface WeightsSelector__Output {
  /**
   * Kind of weights.
   */
  'kind': (_decorum_policy_v1_WeightsKind__Output);
  /**
   * Run whose weights are meant; empty: the run that pushed last. Not read for BASE.
   */
  'runId': (string);
  /**
   * Version, 1 and up; read for VERSION only. At most 2^53 - 1.
   */
  'version': (number);
}
