// Original file: protos/decorum/trainer/v1/trainer_service.proto

import type { Event as _decorum_trainer_v1_Event, Event__Output as _decorum_trainer_v1_Event__Output } from '../../../decorum/trainer/v1/Event.ts';

/**
 * Events of a run.
 */
export interface ListEventsResponse {
  /**
   * In order.
   */
  'events'?: (_decorum_trainer_v1_Event)[];
}

/**
 * Events of a run.
 */
export interface ListEventsResponse__Output {
  /**
   * In order.
   */
  'events': (_decorum_trainer_v1_Event__Output)[];
}
