/** How often something happened, and how long it took in all. */
export interface Duration {
  readonly count: number;
  readonly ms: number;
}

const none: Duration = { count: 0, ms: 0 };
const plus = ({ count, ms }: Duration, more: number): Duration => ({
  count: count + 1,
  ms: ms + more,
});

/** Parts of a request that was answered, in milliseconds. */
export interface RequestTimes {
  readonly encodingMs: number;
  readonly queuedMs: number;
  readonly inferenceMs: number;
}

/** What a model has done since it was loaded, over all doors. */
export class ScoringStatistics {
  success: Duration = none;
  failure: Duration = none;
  queue: Duration = none;
  encoding: Duration = none;
  inference: Duration = none;
  /** Items of the requests that were answered. */
  items = 0;
  /** Milliseconds since 1970 of the last request that was answered; 0: none was. */
  lastAt = 0;
  /** Batches that ran, by their number of items. */
  readonly batches: Map<number, Duration> = new Map();

  answered(items: number, { encodingMs, queuedMs, inferenceMs }: RequestTimes): void {
    this.success = plus(this.success, encodingMs + queuedMs + inferenceMs);
    this.queue = plus(this.queue, queuedMs);
    this.encoding = plus(this.encoding, encodingMs);
    this.inference = plus(this.inference, inferenceMs);
    this.items += items;
    this.lastAt = Date.now();
  }

  failed(ms: number): void {
    this.failure = plus(this.failure, ms);
  }

  ranBatch(items: number, ms: number): void {
    this.batches.set(items, plus(this.batches.get(items) ?? none, ms));
  }
}
