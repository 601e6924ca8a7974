// Original file: protos/third_party/tei/tei.proto

import type { Long } from '@grpc/proto-loader';

/**
 * What an answer cost.
 */
export interface Metadata {
  'computeChars'?: (number);
  'computeTokens'?: (number);
  'totalTimeNs'?: (number | string | Long);
  'tokenizationTimeNs'?: (number | string | Long);
  'queueTimeNs'?: (number | string | Long);
  'inferenceTimeNs'?: (number | string | Long);
}

/**
 * What an answer cost.
 */
export interface Metadata__Output {
  'computeChars': (number);
  'computeTokens': (number);
  'totalTimeNs': (number);
  'tokenizationTimeNs': (number);
  'queueTimeNs': (number);
  'inferenceTimeNs': (number);
}
