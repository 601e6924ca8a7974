// Original file: protos/decorum/trainer/v1/trainer_service.proto

import type { Run as _decorum_trainer_v1_Run, Run__Output as _decorum_trainer_v1_Run__Output } from '../../../decorum/trainer/v1/Run.ts';

/**
 * The run.
 */
export interface GetRunResponse {
  /**
   * The run.
   */
  'run'?: (_decorum_trainer_v1_Run | null);
  /**
   * Its configuration as JSON.
   */
  'configJson'?: (string);
  /**
   * Names of all metrics that it has.
   */
  'metricNames'?: (string)[];
}

/**
 * The run.
 */
export interface GetRunResponse__Output {
  /**
   * The run.
   */
  'run': (_decorum_trainer_v1_Run__Output | null);
  /**
   * Its configuration as JSON.
   */
  'configJson': (string);
  /**
   * Names of all metrics that it has.
   */
  'metricNames': (string)[];
}
