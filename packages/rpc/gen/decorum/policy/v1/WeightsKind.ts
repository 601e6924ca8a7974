// Original file: protos/decorum/policy/v1/generation.proto

/**
 * Which of the weights that a policy holds at once.
 */
export const WeightsKind = {
  /**
   * The version of the run that was committed last, or START where none was.
   */
  WEIGHTS_KIND_UNSPECIFIED: 'WEIGHTS_KIND_UNSPECIFIED',
  /**
   * The base model alone: adapter and trained value head off.
   */
  WEIGHTS_KIND_BASE: 'WEIGHTS_KIND_BASE',
  /**
   * The frozen weights that training started from: the reference of the KL penalty.
   */
  WEIGHTS_KIND_START: 'WEIGHTS_KIND_START',
  /**
   * The committed version named by the field `version`.
   */
  WEIGHTS_KIND_VERSION: 'WEIGHTS_KIND_VERSION',
} as const;

/**
 * Which of the weights that a policy holds at once.
 */
export type WeightsKind =
  /**
   * The version of the run that was committed last, or START where none was.
   */
  | 'WEIGHTS_KIND_UNSPECIFIED'
  | 0
  /**
   * The base model alone: adapter and trained value head off.
   */
  | 'WEIGHTS_KIND_BASE'
  | 1
  /**
   * The frozen weights that training started from: the reference of the KL penalty.
   */
  | 'WEIGHTS_KIND_START'
  | 2
  /**
   * The committed version named by the field `version`.
   */
  | 'WEIGHTS_KIND_VERSION'
  | 3

/**
 * Which of the weights that a policy holds at once.
 */
export type WeightsKind__Output = typeof WeightsKind[keyof typeof WeightsKind]
