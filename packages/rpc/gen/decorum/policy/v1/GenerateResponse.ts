// Original file: protos/decorum/policy/v1/policy_service.proto

import type { SequenceChunk as _decorum_policy_v1_SequenceChunk, SequenceChunk__Output as _decorum_policy_v1_SequenceChunk__Output } from '../../../decorum/policy/v1/SequenceChunk.ts';
import type { WeightsVersion as _decorum_policy_v1_WeightsVersion, WeightsVersion__Output as _decorum_policy_v1_WeightsVersion__Output } from '../../../decorum/policy/v1/WeightsVersion.ts';

/**
 * Some chunks, of one or several sequences.
 */
export interface GenerateResponse {
  /**
   * Chunks; those of one sequence come in order.
   */
  'chunks'?: (_decorum_policy_v1_SequenceChunk)[];
  /**
   * The weights that made them; the same in every message of a call.
   */
  'weights'?: (_decorum_policy_v1_WeightsVersion | null);
}

/**
 * Some chunks, of one or several sequences.
 */
export interface GenerateResponse__Output {
  /**
   * Chunks; those of one sequence come in order.
   */
  'chunks': (_decorum_policy_v1_SequenceChunk__Output)[];
  /**
   * The weights that made them; the same in every message of a call.
   */
  'weights': (_decorum_policy_v1_WeightsVersion__Output | null);
}
