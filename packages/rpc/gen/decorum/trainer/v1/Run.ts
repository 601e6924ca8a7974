// Original file: protos/decorum/trainer/v1/trainer_service.proto

import type { RunState as _decorum_trainer_v1_RunState, RunState__Output as _decorum_trainer_v1_RunState__Output } from '../../../decorum/trainer/v1/RunState.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * A run.
 */
export interface Run {
  /**
   * Id.
   */
  'runId'?: (string);
  /**
   * State.
   */
  'state'?: (_decorum_trainer_v1_RunState);
  /**
   * Steps done.
   */
  'step'?: (number);
  /**
   * Steps in all.
   */
  'totalSteps'?: (number);
  /**
   * Start, milliseconds since 1970 in UTC.
   */
  'startedUnixMs'?: (number | string | Long);
  /**
   * End, milliseconds since 1970 in UTC; 0: has not ended.
   */
  'endedUnixMs'?: (number | string | Long);
  /**
   * Version of the weights pushed last.
   */
  'weightsVersion'?: (number | string | Long);
  /**
   * SHA-256 in hexadecimal of the configuration in canonical form.
   */
  'configHash'?: (string);
  /**
   * Metrics of the last step by name, as "objective/kl".
   */
  'metrics'?: ({[key: string]: number | string});
  /**
   * What ended a failed run, or what a starting one waits for.
   */
  'message'?: (string);
  /**
   * Steps done at the last checkpoint.
   */
  'checkpointStep'?: (number);
}

/**
 * A run.
 */
export interface Run__Output {
  /**
   * Id.
   */
  'runId': (string);
  /**
   * State.
   */
  'state': (_decorum_trainer_v1_RunState__Output);
  /**
   * Steps done.
   */
  'step': (number);
  /**
   * Steps in all.
   */
  'totalSteps': (number);
  /**
   * Start, milliseconds since 1970 in UTC.
   */
  'startedUnixMs': (number);
  /**
   * End, milliseconds since 1970 in UTC; 0: has not ended.
   */
  'endedUnixMs': (number);
  /**
   * Version of the weights pushed last.
   */
  'weightsVersion': (number);
  /**
   * SHA-256 in hexadecimal of the configuration in canonical form.
   */
  'configHash': (string);
  /**
   * Metrics of the last step by name, as "objective/kl".
   */
  'metrics': ({[key: string]: number});
  /**
   * What ended a failed run, or what a starting one waits for.
   */
  'message': (string);
  /**
   * Steps done at the last checkpoint.
   */
  'checkpointStep': (number);
}
