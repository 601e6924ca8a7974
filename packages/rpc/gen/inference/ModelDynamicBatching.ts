// Original file: protos/third_party/inference/grpc_service.proto

import type { Long } from '@grpc/proto-loader';

export interface ModelDynamicBatching {
  'preferredBatchSize'?: (number)[];
  'maxQueueDelayMicroseconds'?: (number | string | Long);
}

export interface ModelDynamicBatching__Output {
  'preferredBatchSize': (number)[];
  'maxQueueDelayMicroseconds': (number);
}
