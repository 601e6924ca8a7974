// Original file: protos/decorum/learner/v1/tensors.proto

import type { TensorDtype as _decorum_learner_v1_TensorDtype, TensorDtype__Output as _decorum_learner_v1_TensorDtype__Output } from '../../../decorum/learner/v1/TensorDtype.ts';

/**
 * One of several tensors whose bytes follow each other without gaps.
 */
export interface TensorSpec {
  /**
   * Name of the graph's input or output.
   */
  'name'?: (string);
  /**
   * Element type.
   */
  'dtype'?: (_decorum_learner_v1_TensorDtype);
  /**
   * Dimensions; none for a scalar.
   */
  'dims'?: (number)[];
}

/**
 * One of several tensors whose bytes follow each other without gaps.
 */
export interface TensorSpec__Output {
  /**
   * Name of the graph's input or output.
   */
  'name': (string);
  /**
   * Element type.
   */
  'dtype': (_decorum_learner_v1_TensorDtype__Output);
  /**
   * Dimensions; none for a scalar.
   */
  'dims': (number)[];
}
