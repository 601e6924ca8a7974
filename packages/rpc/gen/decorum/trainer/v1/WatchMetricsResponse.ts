// Original file: protos/decorum/trainer/v1/trainer_service.proto

import type { RunState as _decorum_trainer_v1_RunState, RunState__Output as _decorum_trainer_v1_RunState__Output } from '../../../decorum/trainer/v1/RunState.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * Metrics of one step, or a change of state.
 */
export interface WatchMetricsResponse {
  /**
   * Step, from 1; 0 where only the state changed.
   */
  'step'?: (number);
  /**
   * Metrics by name, as "objective/kl".
   */
  'metrics'?: ({[key: string]: number | string});
  /**
   * When, milliseconds since 1970 in UTC.
   */
  'unixMs'?: (number | string | Long);
  /**
   * State of the run after the step.
   */
  'state'?: (_decorum_trainer_v1_RunState);
  /**
   * Steps in all.
   */
  'totalSteps'?: (number);
  /**
   * For people: what is waited for, skipped or wrong; usually empty.
   */
  'message'?: (string);
}

/**
 * Metrics of one step, or a change of state.
 */
export interface WatchMetricsResponse__Output {
  /**
   * Step, from 1; 0 where only the state changed.
   */
  'step': (number);
  /**
   * Metrics by name, as "objective/kl".
   */
  'metrics': ({[key: string]: number});
  /**
   * When, milliseconds since 1970 in UTC.
   */
  'unixMs': (number);
  /**
   * State of the run after the step.
   */
  'state': (_decorum_trainer_v1_RunState__Output);
  /**
   * Steps in all.
   */
  'totalSteps': (number);
  /**
   * For people: what is waited for, skipped or wrong; usually empty.
   */
  'message': (string);
}
