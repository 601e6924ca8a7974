import { InputError } from "@decorum/tensor";
import { goneReason, resourceExhausted, StatusError } from "@decorum/rpc";
import { type Metrics, pastSpan } from "@decorum/telemetry";
import { type BatchLimits, pickBatch } from "./pick_batch.ts";
import { type ScoringJob, type Unit, unitsOf, waitingTokens } from "./scoring_job.ts";

/** Label of this queue's metrics. */
const queue = "score";
/** Bounds of the pushback that a refused caller gets, in milliseconds. */
const PUSHBACK = { least: 50, most: 5000 };

export interface QueueLimits extends BatchLimits {
  /** Items that wait. */
  readonly maxQueuedItems: number;
  /** Padded tokens that wait. */
  readonly maxQueuedTokens: number;
  /** Milliseconds that an item waits for others to run with. */
  readonly maxDelayMs: number;
}

interface Waiter {
  readonly job: ScoringJob;
  readonly admit: () => void;
  readonly refuse: (error: unknown) => void;
}

/** What waits for the model, in the order in which it came. Whose caller has gone leaves at once. */
export class ScoringQueue {
  #waiting: Unit[] = [];
  #outside: Waiter[] = [];
  #items = 0;
  #tokens = 0;
  #closed = false;
  #wake = (): void => {};
  #batchMs = 0;

  constructor(readonly limits: QueueLimits, readonly metrics: Metrics) {
    this.#report();
    metrics.onRender(() => {
      const since = this.#waiting[0]?.queuedAt;
      const seconds = since === undefined ? 0 : (performance.now() - since) / 1000;
      metrics.set("decorum_queue_oldest_seconds", seconds, { queue });
    });
    metrics.onRender(() => {
      const since = this.#waiting[0]?.queuedAt;
      const seconds = since === undefined ? 0 : (performance.now() - since) / 1000;
      metrics.set("decorum_queue_oldest_seconds", seconds, { queue });
    });
  }

  /** Items that wait. */
  get items(): number {
    return this.#items;
  }

  /** Padded tokens that wait. */
  get tokens(): number {
    return this.#tokens;
  }

  /**
   * Adds a job.
   *
   * @throws StatusError RESOURCE_EXHAUSTED with a pushback when the queue is full; InputError when the job
   * would not fit into an empty one
   */
  add(job: ScoringJob): void {
    this.#checkSize(job);
    if (!this.#hasRoom(job)) {
      this.metrics.add("decorum_queue_rejections_total", 1, { queue, reason: "full" });
      throw resourceExhausted(
        `Cannot take the request: ${this.#items} items of ${this.#tokens} tokens wait; try again later`,
        this.#pushbackMs(),
      );
    }
    this.#enter(job);
  }

  /** Adds a job when there is room for it, after those that came before. Throws as `add`, never when full. */
  async addWhenRoom(job: ScoringJob): Promise<void> {
    this.#checkSize(job);
    if (this.#outside.length === 0 && this.#hasRoom(job)) return this.#enter(job);
    await new Promise<void>((admit, refuse) => this.#outside.push({ job, admit, refuse }));
  }

  /** The next batch, when there is one; undefined once the queue is closed and empty. */
  async take(): Promise<Unit[] | undefined> {
    while (true) {
      this.#dropExpired();
      this.#admit();
      const first = this.#waiting[0];
      if (first === undefined) {
        if (this.#closed) return undefined;
        await new Promise<void>((resolve) => this.#wake = resolve);
        continue;
      }
      const { maxDelayMs, maxTokens, maxItems } = this.limits;
      const wait = first.queuedAt + maxDelayMs - performance.now();
      const full = this.#tokens >= maxTokens || this.#items >= maxItems;
      if (wait > 0 && !full && !this.#closed && !first.job.request.asSent) {
        await new Promise((resolve) => setTimeout(resolve, wait));
        continue;
      }
      const batch = pickBatch(this.#waiting, this.limits);
      this.#remove(new Set(batch));
      for (const { job, queuedAt } of batch) {
        const seconds = (performance.now() - queuedAt) / 1000;
        this.metrics.observe("decorum_queue_wait_seconds", seconds, { queue });
        pastSpan("decorum.reward", "reward.queue", job.context, queuedAt);
      }
      this.#admit();
      return batch;
    }
  }

  /** Notes how long a batch took: refused callers come back when the queue may have gone down. */
  took(milliseconds: number): void {
    this.#batchMs = milliseconds;
  }

  /** Takes out what is left of a job. */
  drop(job: ScoringJob): void {
    this.#remove(new Set(this.#waiting.filter((unit) => unit.job === job)));
    this.#admit();
  }

  /** Ends a job that nobody waits for any more, before it costs anything more. */
  abandon(job: ScoringJob, error: unknown): void {
    const outside = this.#outside.find((waiter) => waiter.job === job);
    if (outside || this.#waiting.some((unit) => unit.job === job)) {
      const labels = { queue, reason: goneReason(error) } as const;
      this.metrics.add("decorum_queue_rejections_total", 1, labels);
    }
    this.#outside = this.#outside.filter((waiter) => waiter !== outside);
    outside?.refuse(error);
    this.drop(job);
    job.settle({ error });
  }

  /** Lets `take` end when nothing waits any more. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #enter(job: ScoringJob): void {
    this.#waiting.push(...unitsOf(job, performance.now()));
    this.#items += job.request.items.length;
    this.#tokens += waitingTokens(job.request);
    this.#report();
    this.#wake();
  }

  #admit(): void {
    while (this.#outside[0] && this.#hasRoom(this.#outside[0].job)) {
      const { job, admit } = this.#outside.shift()!;
      this.#enter(job);
      admit();
    }
  }

  #hasRoom({ request }: ScoringJob): boolean {
    const { maxQueuedItems, maxQueuedTokens } = this.limits;
    return this.#items + request.items.length <= maxQueuedItems &&
      this.#tokens + waitingTokens(request) <= maxQueuedTokens;
  }

  #checkSize({ request }: ScoringJob): void {
    const { maxQueuedItems, maxQueuedTokens, maxTokens } = this.limits;
    const long = request.items.findIndex(({ ids }) => ids.length > maxTokens);
    if (long >= 0 && !request.asSent) {
      throw new InputError(
        `Cannot score item ${long}: it has ${
          request.items[long]!.ids.length
        } tokens, a batch holds ` +
          `at most ${maxTokens}; shorten it, or raise batching.max_tokens`,
      );
    }
    const tokens = waitingTokens(request);
    if (request.items.length <= maxQueuedItems && tokens <= maxQueuedTokens) return;
    throw new InputError(
      `Cannot score ${request.items.length} items of ${tokens} tokens in one request: ` +
        `this server takes at most ${maxQueuedItems} items of ${maxQueuedTokens} tokens; send less`,
    );
  }

  #pushbackMs(): number {
    const batches = Math.ceil(this.#tokens / this.limits.maxTokens);
    return Math.min(PUSHBACK.most, Math.max(PUSHBACK.least, batches * this.#batchMs));
  }

  #dropExpired(): void {
    const now = Date.now();
    const late = new Set(
      this.#waiting.map(({ job }) => job).filter(({ request }) => request.deadline <= now),
    );
    for (const job of late) {
      this.abandon(
        job,
        new StatusError("DEADLINE_EXCEEDED", "the deadline passed while the request waited"),
      );
    }
  }

  #remove(gone: ReadonlySet<Unit>): void {
    if (gone.size === 0) return;
    this.#waiting = this.#waiting.filter((unit) => !gone.has(unit));
    for (const { items, longest } of gone) {
      this.#items -= items.length;
      this.#tokens -= items.length * longest;
    }
    this.#report();
  }

  #report(): void {
    this.metrics.set("decorum_queue_depth", this.#items, { queue });
    this.metrics.set("decorum_queue_tokens", this.#tokens, { queue });
  }
}
