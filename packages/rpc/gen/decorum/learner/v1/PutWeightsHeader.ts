// Original file: protos/decorum/learner/v1/learner_service.proto

import type { TensorSpec as _decorum_learner_v1_TensorSpec, TensorSpec__Output as _decorum_learner_v1_TensorSpec__Output } from '../../../decorum/learner/v1/TensorSpec.ts';

/**
 * What will be held.
 */
export interface PutWeightsHeader {
  /**
   * The program that takes them.
   */
  'program'?: (string);
  /**
   * SHA-256 in hexadecimal over names, shapes and bytes; names the weights from here on.
   */
  'weights'?: (string);
  /**
   * float32 tensors by the graphs' inputs.
   */
  'tensors'?: (_decorum_learner_v1_TensorSpec)[];
}

/**
 * What will be held.
 */
export interface PutWeightsHeader__Output {
  /**
   * The program that takes them.
   */
  'program': (string);
  /**
   * SHA-256 in hexadecimal over names, shapes and bytes; names the weights from here on.
   */
  'weights': (string);
  /**
   * float32 tensors by the graphs' inputs.
   */
  'tensors': (_decorum_learner_v1_TensorSpec__Output)[];
}
