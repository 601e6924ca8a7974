// Original file: protos/decorum/learner/v1/learner_service.proto

import type { RunHeader as _decorum_learner_v1_RunHeader, RunHeader__Output as _decorum_learner_v1_RunHeader__Output } from '../../../decorum/learner/v1/RunHeader.ts';
import type { Chunk as _decorum_learner_v1_Chunk, Chunk__Output as _decorum_learner_v1_Chunk__Output } from '../../../decorum/learner/v1/Chunk.ts';

/**
 * One piece of a run's feeds.
 */
export interface RunRequest {
  /**
   * First message.
   */
  'header'?: (_decorum_learner_v1_RunHeader | null);
  /**
   * All others.
   */
  'chunk'?: (_decorum_learner_v1_Chunk | null);
  /**
   * A header first, then chunks of the feeds' bytes.
   */
  'part'?: "header"|"chunk";
}

/**
 * One piece of a run's feeds.
 */
export interface RunRequest__Output {
  /**
   * First message.
   */
  'header'?: (_decorum_learner_v1_RunHeader__Output | null);
  /**
   * All others.
   */
  'chunk'?: (_decorum_learner_v1_Chunk__Output | null);
  /**
   * A header first, then chunks of the feeds' bytes.
   */
  'part'?: "header"|"chunk";
}
