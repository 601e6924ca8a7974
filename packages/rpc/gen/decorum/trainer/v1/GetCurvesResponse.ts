// Original file: protos/decorum/trainer/v1/trainer_service.proto

import type { Curve as _decorum_trainer_v1_Curve, Curve__Output as _decorum_trainer_v1_Curve__Output } from '../../../decorum/trainer/v1/Curve.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * Curves over the same points.
 */
export interface GetCurvesResponse {
  /**
   * Steps in a point: a power of two.
   */
  'width'?: (number);
  /**
   * First step of the first point.
   */
  'fromStep'?: (number);
  /**
   * Last step of each point.
   */
  'steps'?: (number)[];
  /**
   * When it was done, milliseconds since 1970 in UTC.
   */
  'unixMs'?: (number | string | Long)[];
  /**
   * Curves in the order of the names.
   */
  'curves'?: (_decorum_trainer_v1_Curve)[];
}

/**
 * Curves over the same points.
 */
export interface GetCurvesResponse__Output {
  /**
   * Steps in a point: a power of two.
   */
  'width': (number);
  /**
   * First step of the first point.
   */
  'fromStep': (number);
  /**
   * Last step of each point.
   */
  'steps': (number)[];
  /**
   * When it was done, milliseconds since 1970 in UTC.
   */
  'unixMs': (number)[];
  /**
   * Curves in the order of the names.
   */
  'curves': (_decorum_trainer_v1_Curve__Output)[];
}
