// Original file: protos/decorum/trainer/v1/trainer_service.proto

import type { Long } from '@grpc/proto-loader';

/**
 * One evaluation.
 */
export interface RecordedEvaluation {
  /**
   * Step whose weights were measured.
   */
  'step'?: (number);
  /**
   * When, milliseconds since 1970 in UTC.
   */
  'unixMs'?: (number | string | Long);
  /**
   * What was measured, as JSON.
   */
  'resultJson'?: (string);
}

/**
 * One evaluation.
 */
export interface RecordedEvaluation__Output {
  /**
   * Step whose weights were measured.
   */
  'step': (number);
  /**
   * When, milliseconds since 1970 in UTC.
   */
  'unixMs': (number);
  /**
   * What was measured, as JSON.
   */
  'resultJson': (string);
}
