// Original file: protos/third_party/tei/tei.proto

export const ModelType = {
  MODEL_TYPE_EMBEDDING: 'MODEL_TYPE_EMBEDDING',
  MODEL_TYPE_CLASSIFIER: 'MODEL_TYPE_CLASSIFIER',
  MODEL_TYPE_RERANKER: 'MODEL_TYPE_RERANKER',
} as const;

export type ModelType =
  | 'MODEL_TYPE_EMBEDDING'
  | 0
  | 'MODEL_TYPE_CLASSIFIER'
  | 1
  | 'MODEL_TYPE_RERANKER'
  | 2

export type ModelType__Output = typeof ModelType[keyof typeof ModelType]
