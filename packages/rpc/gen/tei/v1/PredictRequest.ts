// Original file: protos/third_party/tei/tei.proto

import type { TruncationDirection as _tei_v1_TruncationDirection, TruncationDirection__Output as _tei_v1_TruncationDirection__Output } from '../../tei/v1/TruncationDirection.ts';

export interface PredictRequest {
  'inputs'?: (string);
  'truncate'?: (boolean);
  /**
   * True: logits; false: their softmax, or sigmoid where there is one.
   */
  'rawScores'?: (boolean);
  'truncationDirection'?: (_tei_v1_TruncationDirection);
}

export interface PredictRequest__Output {
  'inputs': (string);
  'truncate': (boolean);
  /**
   * True: logits; false: their softmax, or sigmoid where there is one.
   */
  'rawScores': (boolean);
  'truncationDirection': (_tei_v1_TruncationDirection__Output);
}
