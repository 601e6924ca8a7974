// Original file: protos/decorum/trainer/v1/trainer_service.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The checkpoint.
 */
export interface CheckpointResponse {
  /**
   * Steps done in it.
   */
  'step'?: (number);
  /**
   * Its folder on the trainer's disk.
   */
  'path'?: (string);
  /**
   * Bytes written.
   */
  'bytes'?: (number | string | Long);
}

/**
 * The checkpoint.
 */
export interface CheckpointResponse__Output {
  /**
   * Steps done in it.
   */
  'step': (number);
  /**
   * Its folder on the trainer's disk.
   */
  'path': (string);
  /**
   * Bytes written.
   */
  'bytes': (number);
}
