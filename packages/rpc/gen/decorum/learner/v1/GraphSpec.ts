// Original file: protos/decorum/learner/v1/learner_service.proto

import type { Graph as _decorum_learner_v1_Graph, Graph__Output as _decorum_learner_v1_Graph__Output } from '../../../decorum/learner/v1/Graph.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * A graph in ONNX. Its frozen weights lie in files of the base model, under their names there.
 */
export interface GraphSpec {
  /**
   * Which one it is.
   */
  'graph'?: (_decorum_learner_v1_Graph);
  /**
   * Its name in messages and traces.
   */
  'name'?: (string);
  /**
   * Length of its bytes.
   */
  'bytes'?: (number | string | Long);
}

/**
 * A graph in ONNX. Its frozen weights lie in files of the base model, under their names there.
 */
export interface GraphSpec__Output {
  /**
   * Which one it is.
   */
  'graph': (_decorum_learner_v1_Graph__Output);
  /**
   * Its name in messages and traces.
   */
  'name': (string);
  /**
   * Length of its bytes.
   */
  'bytes': (number);
}
