// Original file: protos/decorum/trainer/v1/trainer_service.proto


/**
 * Asks for events.
 */
export interface ListEventsRequest {
  /**
   * Run.
   */
  'runId'?: (string);
  /**
   * The newest so many; 0: 500.
   */
  'limit'?: (number);
}

/**
 * Asks for events.
 */
export interface ListEventsRequest__Output {
  /**
   * Run.
   */
  'runId': (string);
  /**
   * The newest so many; 0: 500.
   */
  'limit': (number);
}
