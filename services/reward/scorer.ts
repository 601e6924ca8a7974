import type { EncodedItem, TextClassifier } from "@decorum/scoring";
import {
  type BatchCounts,
  type Caller,
  DynamicBatcher,
  type DynamicBatcherOptions,
  paddedTokens,
  type Part,
  type Times,
} from "@decorum/serving";

/** What the scorer needs of a classifier. */
export type ScoringModel = Pick<TextClassifier, "alive" | "logits" | "packed" | "reload">;

/** What a caller wants scored. */
export interface ScoringRequest<M = ScoringModel> {
  /** The classifier whose tokenizer made the items: no other may run them. */
  readonly model: M;
  readonly items: readonly EncodedItem[];
  /** True: one batch, as it is: never merged with other requests nor split. */
  readonly asSent: boolean;
}

/** What a request came to. */
export interface ScoringAnswer extends Times {
  /** `[labels]` for each item, in order. */
  readonly logits: readonly Float32Array[];
}

/** An item, or a group that is executed as sent. */
interface ScoringPart<M> extends Part {
  readonly model: M;
  readonly items: readonly EncodedItem[];
  /** Takes the items' logits. */
  readonly deliver: (logits: readonly Float32Array[]) => void;
}

export interface ScorerOptions<M>
  extends Pick<DynamicBatcherOptions<never>, "limits" | "metrics" | "logger"> {
  /** Keeps a model from being freed while a batch of it runs: its callers may leave before the end. */
  readonly retain: (model: M) => Disposable;
}

/** Token ids to logits, for the callers of all doors. A batch is of one model; a new one takes over between two batches. */
export class Scorer<M extends ScoringModel = ScoringModel> {
  readonly batcher: DynamicBatcher<ScoringPart<M>>;
  readonly #statistics = new WeakMap<M, ScoringStatistics>();

  constructor({ retain, ...options }: ScorerOptions<M>) {
    this.batcher = new DynamicBatcher({
      service: "reward",
      queue: "score",
      sessionOf: ({ model }) => model,
      run: async (batch) => {
        using _ = retain(batch[0].model);
        return await this.#runBatch(batch);
      },
      ...options,
    });
  }

  /** Logits of a request's items, in their order. Throws as `DynamicBatcher.submit`. */
  async score(
    { model, items, asSent }: ScoringRequest<M>,
    options: Caller,
  ): Promise<ScoringAnswer> {
    const logits: Float32Array[] = [];
    const part = (own: readonly EncodedItem[], first: number): ScoringPart<M> => ({
      rows: own.length,
      inputTokens: Math.max(...own.map(({ ids }) => ids.length)),
      outputTokens: 0,
      key: asSent ? undefined : [model],
      model,
      items: own,
      deliver: (rows) => rows.forEach((row, i) => logits[first + i] = row),
    });
    const parts = asSent ? [part(items, 0)] : items.map((item, i) => part([item], i));
    return { ...await this.batcher.submit(parts, options), logits };
  }

  /** What a model has done so far. */
  statisticsOf(model: M): ScoringStatistics {
    const found = this.#statistics.get(model) ?? new ScoringStatistics();
    this.#statistics.set(model, found);
    return found;
  }

  async #runBatch(
    batch: readonly [ScoringPart<M>, ...ScoringPart<M>[]],
  ): Promise<BatchCounts> {
    const { model } = batch[0];
    const items = batch.flatMap((part) => part.items);
    const began = performance.now();
    const logits = await model.logits(items);
    this.statisticsOf(model).ranBatch(items.length, performance.now() - began);
    let at = 0;
    for (const part of batch) part.deliver(logits.slice(at, at += part.rows));
    const realTokens = items.reduce((sum, { ids }) => sum + ids.length, 0);
    const inputTokens = Math.max(...batch.map((part) => part.inputTokens));
    const padded = paddedTokens({ rows: items.length, inputTokens, outputTokens: 0 });
    return { realTokens, paddingTokens: model.packed ? 0 : padded - realTokens };
  }
}

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
export interface RequestTimes extends Times {
  readonly encodingMs: number;
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
