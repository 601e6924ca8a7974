// Original file: protos/decorum/learner/v1/learner_service.proto

import type { RunResult as _decorum_learner_v1_RunResult, RunResult__Output as _decorum_learner_v1_RunResult__Output } from '../../../decorum/learner/v1/RunResult.ts';
import type { Chunk as _decorum_learner_v1_Chunk, Chunk__Output as _decorum_learner_v1_Chunk__Output } from '../../../decorum/learner/v1/Chunk.ts';

/**
 * One piece of a run's outputs.
 */
export interface RunResponse {
  /**
   * First message.
   */
  'result'?: (_decorum_learner_v1_RunResult | null);
  /**
   * All others.
   */
  'chunk'?: (_decorum_learner_v1_Chunk | null);
  /**
   * A header first, then chunks of the outputs' bytes.
   */
  'part'?: "result"|"chunk";
}

/**
 * One piece of a run's outputs.
 */
export interface RunResponse__Output {
  /**
   * First message.
   */
  'result'?: (_decorum_learner_v1_RunResult__Output | null);
  /**
   * All others.
   */
  'chunk'?: (_decorum_learner_v1_Chunk__Output | null);
  /**
   * A header first, then chunks of the outputs' bytes.
   */
  'part'?: "result"|"chunk";
}
