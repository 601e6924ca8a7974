// Original file: protos/decorum/trainer/v1/trainer_service.proto


/**
 * Starts a run.
 */
export interface StartRunRequest {
  /**
   * Id; empty: the server makes one. Letters, digits, dot, dash and underscore.
   */
  'runId'?: (string);
  /**
   * Configuration as JSON; checked as a whole. Empty with `resume`: the configuration on record.
   */
  'configJson'?: (string);
  /**
   * True: continue from the run's last checkpoint.
   */
  'resume'?: (boolean);
}

/**
 * Starts a run.
 */
export interface StartRunRequest__Output {
  /**
   * Id; empty: the server makes one. Letters, digits, dot, dash and underscore.
   */
  'runId': (string);
  /**
   * Configuration as JSON; checked as a whole. Empty with `resume`: the configuration on record.
   */
  'configJson': (string);
  /**
   * True: continue from the run's last checkpoint.
   */
  'resume': (boolean);
}
