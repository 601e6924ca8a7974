// Original file: protos/decorum/learner/v1/tensors.proto

import type { Long } from '@grpc/proto-loader';

/**
 * One piece of a sequence of bytes. Pieces come in order and without gaps.
 */
export interface Chunk {
  /**
   * Position of the first byte.
   */
  'offset'?: (number | string | Long);
  /**
   * Bytes: at most 1 MiB.
   */
  'data'?: (Buffer | Uint8Array | string);
  /**
   * CRC-32 (IEEE, as zlib's) of data.
   */
  'crc32'?: (number);
}

/**
 * One piece of a sequence of bytes. Pieces come in order and without gaps.
 */
export interface Chunk__Output {
  /**
   * Position of the first byte.
   */
  'offset': (number);
  /**
   * Bytes: at most 1 MiB.
   */
  'data': (Buffer);
  /**
   * CRC-32 (IEEE, as zlib's) of data.
   */
  'crc32': (number);
}
