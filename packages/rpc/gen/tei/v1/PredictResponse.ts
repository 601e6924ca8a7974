// Original file: protos/third_party/tei/tei.proto

import type { Prediction as _tei_v1_Prediction, Prediction__Output as _tei_v1_Prediction__Output } from '../../tei/v1/Prediction.ts';
import type { Metadata as _tei_v1_Metadata, Metadata__Output as _tei_v1_Metadata__Output } from '../../tei/v1/Metadata.ts';

export interface PredictResponse {
  /**
   * All labels, the highest score first.
   */
  'predictions'?: (_tei_v1_Prediction)[];
  'metadata'?: (_tei_v1_Metadata | null);
}

export interface PredictResponse__Output {
  /**
   * All labels, the highest score first.
   */
  'predictions': (_tei_v1_Prediction__Output)[];
  'metadata': (_tei_v1_Metadata__Output | null);
}
