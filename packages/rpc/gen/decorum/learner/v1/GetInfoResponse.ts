// Original file: protos/decorum/learner/v1/learner_service.proto

import type { Machine as _decorum_learner_v1_Machine, Machine__Output as _decorum_learner_v1_Machine__Output } from '../../../decorum/learner/v1/Machine.ts';

/**
 * What a learner is. Two learners with the same `machine` give the same bytes for the same run.
 */
export interface GetInfoResponse {
  /**
   * SHA-256 in hexadecimal over the base model's configuration and weights.
   */
  'baseModelHash'?: (string);
  /**
   * What arithmetic depends on.
   */
  'machine'?: (_decorum_learner_v1_Machine | null);
  /**
   * Run whose program is loaded; empty: none.
   */
  'runId'?: (string);
  /**
   * The loaded program; empty: none.
   */
  'program'?: (string);
  /**
   * Weights that are held, by the hash of their content.
   */
  'weights'?: (string)[];
}

/**
 * What a learner is. Two learners with the same `machine` give the same bytes for the same run.
 */
export interface GetInfoResponse__Output {
  /**
   * SHA-256 in hexadecimal over the base model's configuration and weights.
   */
  'baseModelHash': (string);
  /**
   * What arithmetic depends on.
   */
  'machine': (_decorum_learner_v1_Machine__Output | null);
  /**
   * Run whose program is loaded; empty: none.
   */
  'runId': (string);
  /**
   * The loaded program; empty: none.
   */
  'program': (string);
  /**
   * Weights that are held, by the hash of their content.
   */
  'weights': (string)[];
}
