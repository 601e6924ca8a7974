// Original file: protos/decorum/learner/v1/learner_service.proto

import type { Graph as _decorum_learner_v1_Graph, Graph__Output as _decorum_learner_v1_Graph__Output } from '../../../decorum/learner/v1/Graph.ts';
import type { TensorSpec as _decorum_learner_v1_TensorSpec, TensorSpec__Output as _decorum_learner_v1_TensorSpec__Output } from '../../../decorum/learner/v1/TensorSpec.ts';

/**
 * What to run.
 */
export interface RunHeader {
  /**
   * The program.
   */
  'program'?: (string);
  /**
   * Which of its graphs.
   */
  'graph'?: (_decorum_learner_v1_Graph);
  /**
   * Weights to run on; a tensor of a later one wins.
   */
  'weights'?: (string)[];
  /**
   * All other inputs of the graph.
   */
  'feeds'?: (_decorum_learner_v1_TensorSpec)[];
}

/**
 * What to run.
 */
export interface RunHeader__Output {
  /**
   * The program.
   */
  'program': (string);
  /**
   * Which of its graphs.
   */
  'graph': (_decorum_learner_v1_Graph__Output);
  /**
   * Weights to run on; a tensor of a later one wins.
   */
  'weights': (string)[];
  /**
   * All other inputs of the graph.
   */
  'feeds': (_decorum_learner_v1_TensorSpec__Output)[];
}
