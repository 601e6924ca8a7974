// Original file: protos/decorum/trainer/v1/trainer_service.proto

import type { Sample as _decorum_trainer_v1_Sample, Sample__Output as _decorum_trainer_v1_Sample__Output } from '../../../decorum/trainer/v1/Sample.ts';

/**
 * Samples of a step.
 */
export interface GetSamplesResponse {
  /**
   * Samples; empty where none are on record.
   */
  'samples'?: (_decorum_trainer_v1_Sample)[];
}

/**
 * Samples of a step.
 */
export interface GetSamplesResponse__Output {
  /**
   * Samples; empty where none are on record.
   */
  'samples': (_decorum_trainer_v1_Sample__Output)[];
}
