import { goneReason, resourceExhausted, StatusError } from "@decorum/rpc";
import { type Metrics, pastSpan } from "@decorum/telemetry";
import { type BatchLimits, pickBatch } from "./pick_batch.ts";
import { paddedTokens, type Work } from "./work.ts";

/** Label of this queue's metrics. */
const queue = "generate";
/** Bounds of the pushback that a refused caller gets, in milliseconds. */
const PUSHBACK = { least: 100, most: 10_000 };

export interface QueueLimits extends BatchLimits {
  /** Requests that wait. */
  readonly maxRequests: number;
  /** Padded tokens that wait. */
  readonly maxQueuedTokens: number;
  /** Milliseconds that a request waits for others to run with. */
  readonly maxDelayMs: number;
}

/** What waits for the model, in the order in which it came. Whose caller has gone leaves at once. */
export class WorkQueue {
  #waiting: Work[] = [];
  #closed = false;
  #wake = (): void => {};
  #batchMs = 0;
  #runningSince: number | undefined;

  constructor(readonly limits: QueueLimits, readonly metrics: Metrics) {
    this.#report();
    metrics.onRender(() => {
      const since = this.#waiting[0]?.queuedAt;
      const seconds = since === undefined ? 0 : (performance.now() - since) / 1000;
      metrics.set("decorum_queue_oldest_seconds", seconds, { queue });
    });
  }

  /** Requests that wait. */
  get depth(): number {
    return new Set(this.#waiting.map(({ request }) => request)).size;
  }

  /** Padded tokens that wait. */
  get tokens(): number {
    return this.#waiting.reduce((sum, { rows }) => sum + paddedTokens(rows), 0);
  }

  /**
   * Adds a request, all its parts or none.
   *
   * @throws StatusError RESOURCE_EXHAUSTED with a pushback when the queue is full
   */
  add(parts: readonly Work[]): void {
    const { maxRequests, maxQueuedTokens } = this.limits;
    const tokens = parts.reduce((sum, { rows }) => sum + paddedTokens(rows), 0);
    if (this.depth >= maxRequests) this.#refuse("requests", `${maxRequests} requests wait`);
    if (this.tokens + tokens > maxQueuedTokens) {
      this.#refuse("tokens", `with it more than ${maxQueuedTokens} padded tokens would wait`);
    }
    for (const work of parts) {
      work.signal.throwIfAborted();
      work.signal.addEventListener("abort", () => this.#drop(work, work.signal.reason), {
        once: true,
      });
    }
    this.#waiting.push(...parts);
    this.#report();
    this.#wake();
  }

  /** The next batch, when there is one; undefined once the queue is closed and empty. */
  async take(): Promise<Work[] | undefined> {
    while (true) {
      this.#dropExpired();
      const first = this.#waiting[0];
      if (first === undefined) {
        if (this.#closed) return undefined;
        await new Promise<void>((resolve) => this.#wake = resolve);
        continue;
      }
      const wait = first.queuedAt + this.limits.maxDelayMs - performance.now();
      if (!first.request.asSent && !this.#closed && wait > 0) {
        await new Promise((resolve) => setTimeout(resolve, wait));
        continue;
      }
      const batch = pickBatch(this.#waiting, this.limits);
      this.#waiting = this.#waiting.filter((work) => !batch.includes(work));
      this.#runningSince = performance.now();
      for (const { context, queuedAt } of batch) {
        const seconds = (performance.now() - queuedAt) / 1000;
        this.metrics.observe("decorum_queue_wait_seconds", seconds, { queue });
        pastSpan("decorum.policy", "policy.queue", context, queuedAt);
      }
      this.#report();
      return batch;
    }
  }

  /** Notes how long the batch took: from that callers learn when to come back. */
  took(milliseconds: number): void {
    this.#batchMs = milliseconds;
    this.#runningSince = undefined;
  }

  /** Lets `take` end when nothing waits any more. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #refuse(reason: "requests" | "tokens", why: string): never {
    this.metrics.add("decorum_queue_rejections_total", 1, { queue, reason });
    throw resourceExhausted(`Cannot take the request: ${why}; try again later`, this.#pushback());
  }

  /** Half the time that the queue takes to empty, were every batch as the last one or the present one. */
  #pushback(): number {
    const running = this.#runningSince === undefined ? 0 : performance.now() - this.#runningSince;
    const estimate = Math.max(this.#batchMs, running) * this.depth / 2;
    return Math.min(PUSHBACK.most, Math.max(PUSHBACK.least, estimate));
  }

  #dropExpired(): void {
    const now = Date.now();
    for (const work of this.#waiting.filter(({ deadline }) => deadline <= now)) {
      this.#drop(
        work,
        new StatusError("DEADLINE_EXCEEDED", "the deadline passed while the request waited"),
      );
    }
  }

  #drop(work: Work, reason: unknown): void {
    const before = this.#waiting.length;
    this.#waiting = this.#waiting.filter((other) => other !== work);
    if (this.#waiting.length === before) return;
    const labels = { queue, reason: goneReason(reason) } as const;
    this.metrics.add("decorum_queue_rejections_total", 1, labels);
    work.results.fail(reason);
    this.#report();
  }

  #report(): void {
    this.metrics.set("decorum_queue_depth", this.depth, { queue });
    this.metrics.set("decorum_queue_tokens", this.tokens, { queue });
  }
}
