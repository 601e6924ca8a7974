// Original file: protos/third_party/tei/tei.proto


export interface Prediction {
  'score'?: (number | string);
  'label'?: (string);
}

export interface Prediction__Output {
  'score': (number);
  'label': (string);
}
