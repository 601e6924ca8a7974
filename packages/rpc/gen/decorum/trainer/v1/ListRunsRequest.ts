// Original file: protos/decorum/trainer/v1/trainer_service.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Asks for runs.
 */
export interface ListRunsRequest {
  /**
   * At most so many; 0: 100.
   */
  'limit'?: (number);
  /**
   * Only runs started before this moment, milliseconds since 1970 in UTC; 0: all. For the next page.
   */
  'startedBeforeUnixMs'?: (number | string | Long);
}

/**
 * Asks for runs.
 */
export interface ListRunsRequest__Output {
  /**
   * At most so many; 0: 100.
   */
  'limit': (number);
  /**
   * Only runs started before this moment, milliseconds since 1970 in UTC; 0: all. For the next page.
   */
  'startedBeforeUnixMs': (number);
}
