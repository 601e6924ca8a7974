// Original file: protos/decorum/evaluator/v1/evaluator_service.proto

/**
 * Phases, in their order.
 */
export const EvaluationPhase = {
  /**
   * Not a phase.
   */
  EVALUATION_PHASE_UNSPECIFIED: 'EVALUATION_PHASE_UNSPECIFIED',
  /**
   * Completions of the side called "before".
   */
  EVALUATION_PHASE_GENERATE_BEFORE: 'EVALUATION_PHASE_GENERATE_BEFORE',
  /**
   * Completions of the side called "after".
   */
  EVALUATION_PHASE_GENERATE_AFTER: 'EVALUATION_PHASE_GENERATE_AFTER',
  /**
   * Toxicity by the reward's classifier.
   */
  EVALUATION_PHASE_SCORE: 'EVALUATION_PHASE_SCORE',
  /**
   * Toxicity by the independent judge.
   */
  EVALUATION_PHASE_JUDGE: 'EVALUATION_PHASE_JUDGE',
  /**
   * Terms of the reward.
   */
  EVALUATION_PHASE_REWARDS: 'EVALUATION_PHASE_REWARDS',
} as const;

/**
 * Phases, in their order.
 */
export type EvaluationPhase =
  /**
   * Not a phase.
   */
  | 'EVALUATION_PHASE_UNSPECIFIED'
  | 0
  /**
   * Completions of the side called "before".
   */
  | 'EVALUATION_PHASE_GENERATE_BEFORE'
  | 1
  /**
   * Completions of the side called "after".
   */
  | 'EVALUATION_PHASE_GENERATE_AFTER'
  | 2
  /**
   * Toxicity by the reward's classifier.
   */
  | 'EVALUATION_PHASE_SCORE'
  | 3
  /**
   * Toxicity by the independent judge.
   */
  | 'EVALUATION_PHASE_JUDGE'
  | 4
  /**
   * Terms of the reward.
   */
  | 'EVALUATION_PHASE_REWARDS'
  | 5

/**
 * Phases, in their order.
 */
export type EvaluationPhase__Output = typeof EvaluationPhase[keyof typeof EvaluationPhase]
