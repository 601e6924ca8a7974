// Original file: protos/decorum/learner/v1/learner_service.proto

/**
 * One of the graphs of a run.
 */
export const Graph = {
  /**
   * Refused.
   */
  GRAPH_UNSPECIFIED: 'GRAPH_UNSPECIFIED',
  /**
   * The model as it is.
   */
  GRAPH_FORWARD: 'GRAPH_FORWARD',
  /**
   * Loss and gradients.
   */
  GRAPH_UPDATE: 'GRAPH_UPDATE',
  /**
   * Model and reference side by side. Not every run has it.
   */
  GRAPH_COMPARE: 'GRAPH_COMPARE',
} as const;

/**
 * One of the graphs of a run.
 */
export type Graph =
  /**
   * Refused.
   */
  | 'GRAPH_UNSPECIFIED'
  | 0
  /**
   * The model as it is.
   */
  | 'GRAPH_FORWARD'
  | 1
  /**
   * Loss and gradients.
   */
  | 'GRAPH_UPDATE'
  | 2
  /**
   * Model and reference side by side. Not every run has it.
   */
  | 'GRAPH_COMPARE'
  | 3

/**
 * One of the graphs of a run.
 */
export type Graph__Output = typeof Graph[keyof typeof Graph]
