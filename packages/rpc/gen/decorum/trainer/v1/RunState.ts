// Original file: protos/decorum/trainer/v1/trainer_service.proto

/**
 * State of a run.
 */
export const RunState = {
  /**
   * Not a state.
   */
  RUN_STATE_UNSPECIFIED: 'RUN_STATE_UNSPECIFIED',
  /**
   * Waits for the other services, or reads its checkpoint.
   */
  RUN_STATE_STARTING: 'RUN_STATE_STARTING',
  /**
   * Takes steps.
   */
  RUN_STATE_RUNNING: 'RUN_STATE_RUNNING',
  /**
   * Waits for Resume.
   */
  RUN_STATE_PAUSED: 'RUN_STATE_PAUSED',
  /**
   * Took all its steps.
   */
  RUN_STATE_SUCCEEDED: 'RUN_STATE_SUCCEEDED',
  /**
   * Ended by an error.
   */
  RUN_STATE_FAILED: 'RUN_STATE_FAILED',
  /**
   * Ended by Stop.
   */
  RUN_STATE_STOPPED: 'RUN_STATE_STOPPED',
  /**
   * Its trainer went away before the end; StartRun with `resume` continues it.
   */
  RUN_STATE_INTERRUPTED: 'RUN_STATE_INTERRUPTED',
} as const;

/**
 * State of a run.
 */
export type RunState =
  /**
   * Not a state.
   */
  | 'RUN_STATE_UNSPECIFIED'
  | 0
  /**
   * Waits for the other services, or reads its checkpoint.
   */
  | 'RUN_STATE_STARTING'
  | 1
  /**
   * Takes steps.
   */
  | 'RUN_STATE_RUNNING'
  | 2
  /**
   * Waits for Resume.
   */
  | 'RUN_STATE_PAUSED'
  | 3
  /**
   * Took all its steps.
   */
  | 'RUN_STATE_SUCCEEDED'
  | 4
  /**
   * Ended by an error.
   */
  | 'RUN_STATE_FAILED'
  | 5
  /**
   * Ended by Stop.
   */
  | 'RUN_STATE_STOPPED'
  | 6
  /**
   * Its trainer went away before the end; StartRun with `resume` continues it.
   */
  | 'RUN_STATE_INTERRUPTED'
  | 7

/**
 * State of a run.
 */
export type RunState__Output = typeof RunState[keyof typeof RunState]
