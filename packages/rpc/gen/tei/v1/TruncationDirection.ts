// Original file: protos/third_party/tei/tei.proto

export const TruncationDirection = {
  TRUNCATION_DIRECTION_RIGHT: 'TRUNCATION_DIRECTION_RIGHT',
  TRUNCATION_DIRECTION_LEFT: 'TRUNCATION_DIRECTION_LEFT',
} as const;

export type TruncationDirection =
  | 'TRUNCATION_DIRECTION_RIGHT'
  | 0
  | 'TRUNCATION_DIRECTION_LEFT'
  | 1

export type TruncationDirection__Output = typeof TruncationDirection[keyof typeof TruncationDirection]
