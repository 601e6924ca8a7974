// Original file: protos/decorum/learner/v1/learner_service.proto

import type { LoadHeader as _decorum_learner_v1_LoadHeader, LoadHeader__Output as _decorum_learner_v1_LoadHeader__Output } from '../../../decorum/learner/v1/LoadHeader.ts';
import type { Chunk as _decorum_learner_v1_Chunk, Chunk__Output as _decorum_learner_v1_Chunk__Output } from '../../../decorum/learner/v1/Chunk.ts';

/**
 * One piece of a program.
 */
export interface LoadRequest {
  /**
   * First message.
   */
  'header'?: (_decorum_learner_v1_LoadHeader | null);
  /**
   * All others.
   */
  'chunk'?: (_decorum_learner_v1_Chunk | null);
  /**
   * A header first, then chunks of the graphs' bytes in the header's order, without gaps.
   */
  'part'?: "header"|"chunk";
}

/**
 * One piece of a program.
 */
export interface LoadRequest__Output {
  /**
   * First message.
   */
  'header'?: (_decorum_learner_v1_LoadHeader__Output | null);
  /**
   * All others.
   */
  'chunk'?: (_decorum_learner_v1_Chunk__Output | null);
  /**
   * A header first, then chunks of the graphs' bytes in the header's order, without gaps.
   */
  'part'?: "header"|"chunk";
}
