// Original file: protos/decorum/trainer/v1/trainer_service.proto

import type { Run as _decorum_trainer_v1_Run, Run__Output as _decorum_trainer_v1_Run__Output } from '../../../decorum/trainer/v1/Run.ts';

/**
 * Runs.
 */
export interface ListRunsResponse {
  /**
   * Runs, newest first.
   */
  'runs'?: (_decorum_trainer_v1_Run)[];
}

/**
 * Runs.
 */
export interface ListRunsResponse__Output {
  /**
   * Runs, newest first.
   */
  'runs': (_decorum_trainer_v1_Run__Output)[];
}
