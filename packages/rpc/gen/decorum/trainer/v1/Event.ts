// Original file: protos/decorum/trainer/v1/trainer_service.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Something that happened.
 */
export interface Event {
  /**
   * Id, rising.
   */
  'id'?: (number | string | Long);
  /**
   * Step in which it happened.
   */
  'step'?: (number);
  /**
   * When, milliseconds since 1970 in UTC.
   */
  'unixMs'?: (number | string | Long);
  /**
   * What it is about: note, service, push, checkpoint or state.
   */
  'kind'?: (string);
  /**
   * For people.
   */
  'message'?: (string);
}

/**
 * Something that happened.
 */
export interface Event__Output {
  /**
   * Id, rising.
   */
  'id': (number);
  /**
   * Step in which it happened.
   */
  'step': (number);
  /**
   * When, milliseconds since 1970 in UTC.
   */
  'unixMs': (number);
  /**
   * What it is about: note, service, push, checkpoint or state.
   */
  'kind': (string);
  /**
   * For people.
   */
  'message': (string);
}
