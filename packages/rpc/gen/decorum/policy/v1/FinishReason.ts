// Original file: protos/decorum/policy/v1/generation.proto

/**
 * Why a sequence ended.
 */
export const FinishReason = {
  /**
   * It has not ended: more chunks follow.
   */
  FINISH_REASON_UNSPECIFIED: 'FINISH_REASON_UNSPECIFIED',
  /**
   * The end token came; it is the last token of the sequence.
   */
  FINISH_REASON_EOS: 'FINISH_REASON_EOS',
  /**
   * max_new_tokens was reached without an end token.
   */
  FINISH_REASON_LENGTH: 'FINISH_REASON_LENGTH',
} as const;

/**
 * Why a sequence ended.
 */
export type FinishReason =
  /**
   * It has not ended: more chunks follow.
   */
  | 'FINISH_REASON_UNSPECIFIED'
  | 0
  /**
   * The end token came; it is the last token of the sequence.
   */
  | 'FINISH_REASON_EOS'
  | 1
  /**
   * max_new_tokens was reached without an end token.
   */
  | 'FINISH_REASON_LENGTH'
  | 2

/**
 * Why a sequence ended.
 */
export type FinishReason__Output = typeof FinishReason[keyof typeof FinishReason]
