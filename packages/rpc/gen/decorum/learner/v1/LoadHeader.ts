// Original file: protos/decorum/learner/v1/learner_service.proto

import type { GraphSpec as _decorum_learner_v1_GraphSpec, GraphSpec__Output as _decorum_learner_v1_GraphSpec__Output } from '../../../decorum/learner/v1/GraphSpec.ts';

/**
 * What will be loaded.
 */
export interface LoadHeader {
  /**
   * Run that loads it.
   */
  'runId'?: (string);
  /**
   * GetInfoResponse.base_model_hash of the model that the graphs were made of.
   */
  'baseModelHash'?: (string);
  /**
   * SHA-256 in hexadecimal over the bytes of all graphs; names the program from here on.
   */
  'program'?: (string);
  /**
   * FORWARD, UPDATE and, where the run has it, COMPARE.
   */
  'graphs'?: (_decorum_learner_v1_GraphSpec)[];
}

/**
 * What will be loaded.
 */
export interface LoadHeader__Output {
  /**
   * Run that loads it.
   */
  'runId': (string);
  /**
   * GetInfoResponse.base_model_hash of the model that the graphs were made of.
   */
  'baseModelHash': (string);
  /**
   * SHA-256 in hexadecimal over the bytes of all graphs; names the program from here on.
   */
  'program': (string);
  /**
   * FORWARD, UPDATE and, where the run has it, COMPARE.
   */
  'graphs': (_decorum_learner_v1_GraphSpec__Output)[];
}
