// Original file: protos/decorum/policy/v1/policy_service.proto

import type { Long } from '@grpc/proto-loader';

/**
 * One piece of an upload. Pieces come in order and without gaps.
 */
export interface UploadWeightsRequest {
  /**
   * The push; needed in the first message, may be empty after it.
   */
  'uploadId'?: (string);
  /**
   * Position of the first byte in the upload.
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
 * One piece of an upload. Pieces come in order and without gaps.
 */
export interface UploadWeightsRequest__Output {
  /**
   * The push; needed in the first message, may be empty after it.
   */
  'uploadId': (string);
  /**
   * Position of the first byte in the upload.
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
