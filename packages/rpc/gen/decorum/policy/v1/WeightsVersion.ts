// Original file: protos/decorum/policy/v1/generation.proto

import type { WeightsKind as _decorum_policy_v1_WeightsKind, WeightsKind__Output as _decorum_policy_v1_WeightsKind__Output } from '../../../decorum/policy/v1/WeightsKind.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * The weights that made an answer.
 */
export interface WeightsVersion {
  /**
   * BASE, START or VERSION; never UNSPECIFIED.
   */
  'kind'?: (_decorum_policy_v1_WeightsKind);
  /**
   * Run that pushed them; empty for BASE.
   */
  'runId'?: (string);
  /**
   * Version, 1 and up for VERSION; 0 for BASE and START.
   */
  'version'?: (number | string | Long);
  /**
   * SHA-256 over the pushed bytes (32 bytes); empty for BASE, and for START where it is the base.
   */
  'sha256'?: (Buffer | Uint8Array | string);
}

/**
 * The weights that made an answer.
 */
export interface WeightsVersion__Output {
  /**
   * BASE, START or VERSION; never UNSPECIFIED.
   */
  'kind': (_decorum_policy_v1_WeightsKind__Output);
  /**
   * Run that pushed them; empty for BASE.
   */
  'runId': (string);
  /**
   * Version, 1 and up for VERSION; 0 for BASE and START.
   */
  'version': (number);
  /**
   * SHA-256 over the pushed bytes (32 bytes); empty for BASE, and for START where it is the base.
   */
  'sha256': (Buffer);
}
