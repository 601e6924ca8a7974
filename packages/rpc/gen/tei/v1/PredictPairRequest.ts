// Original file: protos/third_party/tei/tei.proto

import type { TruncationDirection as _tei_v1_TruncationDirection, TruncationDirection__Output as _tei_v1_TruncationDirection__Output } from '../../tei/v1/TruncationDirection.ts';

export interface PredictPairRequest {
  'inputs'?: (string)[];
  'truncate'?: (boolean);
  'rawScores'?: (boolean);
  'truncationDirection'?: (_tei_v1_TruncationDirection);
}

export interface PredictPairRequest__Output {
  'inputs': (string)[];
  'truncate': (boolean);
  'rawScores': (boolean);
  'truncationDirection': (_tei_v1_TruncationDirection__Output);
}
