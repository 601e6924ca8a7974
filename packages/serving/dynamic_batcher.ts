import type { Attributes } from "@opentelemetry/api";
import { type StatusError, unavailable } from "@decorum/rpc";
import { WorkerDiedError } from "@decorum/runtime";
import { batchSpan, inSpan, type Logger, type Metrics, pastSpan } from "@decorum/telemetry";
import {
  type Batch,
  BatchQueue,
  deadlinePassed,
  Job,
  type QueueLimits,
  type Times,
} from "./batch_queue.ts";
import type { Part } from "./pick_batch.ts";

/** A model in a thread that may end. */
export interface Session {
  /** False once the thread has ended. */
  readonly alive: boolean;
  /** Loads the model into a new thread. */
  reload(): Promise<void>;
}

/** What a batch was, for metrics and its span. */
export interface BatchCounts {
  readonly realTokens: number;
  readonly paddingTokens: number;
  /** Further attributes of the span. */
  readonly attributes?: Attributes;
}

export interface DynamicBatcherOptions<P extends Part> {
  /** Names spans: `policy.queue` and `policy.batch`. */
  readonly service: string;
  /** Label of the metrics. */
  readonly queue: "generate" | "score";
  readonly limits: QueueLimits;
  /** The session that a batch with this part runs in: the same for all parts of one key. */
  readonly sessionOf: (part: P) => Session;
  /**
   * Runs a batch and brings the results to those who submitted its parts.
   *
   * @param signal aborted when nobody waits for any of it
   */
  readonly run: (batch: readonly [P, ...P[]], signal: AbortSignal) => Promise<BatchCounts>;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Who waits for a request, and how. */
export interface Caller {
  /** Aborted when nobody waits any more. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly deadline: number;
  /** True: waits where the queue is full, as streams do; false: is refused at once, as unary calls are. */
  readonly wait: boolean;
}

/** Milliseconds after which the callers of a batch whose thread ended may try again. */
const RELOAD_PUSHBACK_MS = 500;
/** What a timer can hold, in milliseconds: 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs the requests of all callers, one batch after another. Requests wait in a queue with limits, parts of like key and length
 * share a batch, and a session whose thread has ended is loaded again before the next batch.
 */
export class DynamicBatcher<P extends Part> {
  readonly #queue: BatchQueue<P>;
  readonly #loop: Promise<void>;

  constructor(readonly options: DynamicBatcherOptions<P>) {
    this.#queue = new BatchQueue(options.limits, options.queue, options.metrics);
    this.#loop = this.#run();
  }

  /** What waits: requests or items, as the limits say. */
  get depth(): number {
    return this.#queue.depth;
  }

  /**
   * Resolves when all parts of a request have run.
   *
   * @throws StatusError RESOURCE_EXHAUSTED with a pushback when the queue is full, DEADLINE_EXCEEDED when the deadline
   * passes, UNAVAILABLE when the model's thread ended or the service ends; the signal's reason; InputError for a request
   * that the queue could never take; what `run` throws
   */
  async submit(parts: readonly P[], { signal, deadline, wait }: Caller): Promise<Times> {
    signal.throwIfAborted();
    const job = new Job(parts, deadline);
    const leave = () => this.#queue.abandon(job, signal.reason);
    this.#queue.add(job, wait);
    signal.addEventListener("abort", leave);
    const left = Math.max(0, deadline - Date.now());
    const expire = () => this.#queue.abandon(job, deadlinePassed());
    const timer = left < MAX_TIMER_MS ? setTimeout(expire, left) : undefined;
    try {
      return await job.done;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
    }
  }

  /** Counts a refusal for a limit that the caller watches. @returns RESOURCE_EXHAUSTED with the queue's pushback */
  refusal(reason: "streams", why: string): StatusError {
    return this.#queue.refusal(reason, why);
  }

  /** Takes nothing more, and ends when all that waits has run. */
  async stop(): Promise<void> {
    this.#queue.close();
    await this.#loop;
  }

  async #run(): Promise<void> {
    for (let batch = await this.#queue.take(); batch; batch = await this.#queue.take()) {
      await this.#runBatch(batch);
      this.#queue.ended();
    }
  }

  /** Whatever fails, fails all requests with a part in the batch; their other parts leave the queue. */
  async #runBatch(batch: Batch<P>): Promise<void> {
    const parts = [...batch.keys()] as [P, ...P[]];
    const jobs = new Set(batch.values());
    const { logger, metrics, queue, service } = this.options;
    for (const { context, arrivedAt } of batch.values()) {
      const seconds = (performance.now() - arrivedAt) / 1000;
      metrics.observe("decorum_queue_wait_seconds", seconds, { queue });
      pastSpan(`decorum.${service}`, `${service}.queue`, context, arrivedAt);
    }
    try {
      await this.#revive(this.options.sessionOf(parts[0]));
      // Loading takes long enough for all callers to leave.
      if ([...jobs].every((job) => job.signal.aborted)) return;
      await this.#runTraced(parts, [...jobs]);
      for (const job of batch.values()) job.ran(1);
    } catch (error) {
      const died = error instanceof WorkerDiedError;
      if (died) logger.error("the model's thread ended while it ran a batch", { error });
      const told = died ? unavailable("the model is loaded again", RELOAD_PUSHBACK_MS) : error;
      for (const job of jobs) this.#queue.drop(job, told);
    }
  }

  async #revive(session: Session): Promise<void> {
    if (session.alive) return;
    const { logger, metrics } = this.options;
    const count = (outcome: "loaded" | "failed") =>
      metrics.add("decorum_model_reloads_total", 1, { reason: "worker_died", outcome });
    logger.warn("the model's thread has ended; the model is loaded again");
    try {
      await session.reload();
      count("loaded");
    } catch (error) {
      count("failed");
      throw error;
    }
  }

  /** A batch is part of its requests' trace, where they have one in common, and links to them. */
  async #runTraced(parts: readonly [P, ...P[]], jobs: readonly Job<P>[]): Promise<void> {
    const { metrics, queue, service, run } = this.options;
    const settings = batchSpan(jobs.map((job) => job.context));
    const signal = allAborted(jobs.map((job) => job.signal));
    const began = performance.now();
    for (const job of jobs) job.started();
    try {
      await inSpan(`decorum.${service}`, `${service}.batch`, settings, async (span) => {
        const { realTokens, paddingTokens, attributes = {} } = await run(parts, signal);
        const rows = parts.reduce((sum, part) => sum + part.rows, 0);
        metrics.observe("decorum_batch_size", rows, { queue });
        metrics.add("decorum_batch_tokens_total", realTokens, { queue, kind: "real" });
        metrics.add("decorum_batch_tokens_total", paddingTokens, { queue, kind: "padding" });
        span?.setAttributes({
          "decorum.batch.requests": jobs.length,
          "decorum.batch.sequences": rows,
          "decorum.batch.padding_tokens": paddingTokens,
          ...attributes,
        });
      });
    } finally {
      const seconds = (performance.now() - began) / 1000;
      metrics.observe("decorum_batch_duration_seconds", seconds, { queue });
    }
  }
}

/** Aborted when all of them are. */
function allAborted(signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  const look = () => {
    const running = signals.find(({ aborted }) => !aborted);
    if (running) running.addEventListener("abort", look, { once: true });
    else controller.abort(signals[0]?.reason);
  };
  look();
  return controller.signal;
}
