// Original file: protos/decorum/trainer/v1/trainer_service.proto


/**
 * Asks for samples.
 */
export interface GetSamplesRequest {
  /**
   * Run.
   */
  'runId'?: (string);
  /**
   * Step, from 1.
   */
  'step'?: (number);
}

/**
 * Asks for samples.
 */
export interface GetSamplesRequest__Output {
  /**
   * Run.
   */
  'runId': (string);
  /**
   * Step, from 1.
   */
  'step': (number);
}
