// Original file: protos/decorum/learner/v1/learner_service.proto

import type { TensorSpec as _decorum_learner_v1_TensorSpec, TensorSpec__Output as _decorum_learner_v1_TensorSpec__Output } from '../../../decorum/learner/v1/TensorSpec.ts';

/**
 * What a run gave.
 */
export interface RunResult {
  /**
   * All outputs of the graph.
   */
  'outputs'?: (_decorum_learner_v1_TensorSpec)[];
  /**
   * Time in the model.
   */
  'seconds'?: (number | string);
}

/**
 * What a run gave.
 */
export interface RunResult__Output {
  /**
   * All outputs of the graph.
   */
  'outputs': (_decorum_learner_v1_TensorSpec__Output)[];
  /**
   * Time in the model.
   */
  'seconds': (number);
}
