// Original file: protos/decorum/learner/v1/learner_service.proto

import type { PutWeightsHeader as _decorum_learner_v1_PutWeightsHeader, PutWeightsHeader__Output as _decorum_learner_v1_PutWeightsHeader__Output } from '../../../decorum/learner/v1/PutWeightsHeader.ts';
import type { Chunk as _decorum_learner_v1_Chunk, Chunk__Output as _decorum_learner_v1_Chunk__Output } from '../../../decorum/learner/v1/Chunk.ts';

/**
 * One piece of some weights.
 */
export interface PutWeightsRequest {
  /**
   * First message.
   */
  'header'?: (_decorum_learner_v1_PutWeightsHeader | null);
  /**
   * All others.
   */
  'chunk'?: (_decorum_learner_v1_Chunk | null);
  /**
   * A header first, then chunks of the tensors' bytes.
   */
  'part'?: "header"|"chunk";
}

/**
 * One piece of some weights.
 */
export interface PutWeightsRequest__Output {
  /**
   * First message.
   */
  'header'?: (_decorum_learner_v1_PutWeightsHeader__Output | null);
  /**
   * All others.
   */
  'chunk'?: (_decorum_learner_v1_Chunk__Output | null);
  /**
   * A header first, then chunks of the tensors' bytes.
   */
  'part'?: "header"|"chunk";
}
