import { type Context, context } from "@opentelemetry/api";
import { goneReason, resourceExhausted, StatusError, unavailable } from "@decorum/rpc";
import type { Metrics } from "@decorum/telemetry";
import { InputError } from "@decorum/tensor";
import { type BatchLimits, fits, paddedTokens, type Part, pickBatch } from "./pick_batch.ts";

export interface QueueLimits extends BatchLimits {
  /** What `maxWaiting`, `decorum_queue_depth` and messages count: requests, or the sequences in them. */
  readonly counted: "requests" | "items";
  /** The most that may wait. */
  readonly maxWaiting: number;
  /** The most padded tokens that may wait. */
  readonly maxWaitingTokens: number;
  /** Milliseconds that the first of a batch waits for others to run with, unless the batch is full before. */
  readonly maxDelayMs: number;
}

/** Which limit a request met. */
export type Refusal = "depth" | "tokens" | "streams";

/** How long a request took, in milliseconds. */
export interface Times {
  /** From its arrival to its first batch. */
  readonly queuedMs: number;
  /** From there to the end of its last batch. */
  readonly inferenceMs: number;
}

/** A request from its arrival until all its parts have run, or it failed. */
export class Job<P extends Part> {
  readonly #failed = new AbortController();
  readonly #done = Promise.withResolvers<Times>();
  /** The caller's trace. */
  readonly context: Context = context.active();
  /** Milliseconds of `performance.now()`. */
  readonly arrivedAt: number = performance.now();
  #startedAt: number | undefined;
  #running: number;
  /** Parts that wait. */
  waiting: number;

  /** @param deadline milliseconds since 1970 */
  constructor(readonly parts: readonly P[], readonly deadline: number) {
    this.waiting = this.#running = parts.length;
    this.#done.promise.catch(() => {});
  }

  /** Resolves when all parts have run. @throws the error of `fail` */
  get done(): Promise<Times> {
    return this.#done.promise;
  }

  /** Aborted when the request has failed: nobody waits for it. */
  get signal(): AbortSignal {
    return this.#failed.signal;
  }

  /** A batch with parts of it begins. */
  started(): void {
    this.#startedAt ??= performance.now();
  }

  /** That many more of its parts have run. */
  ran(parts: number): void {
    this.#running -= parts;
    if (this.#running > 0) return;
    const { arrivedAt } = this;
    const startedAt = this.#startedAt ?? arrivedAt;
    this.#done.resolve({
      queuedMs: startedAt - arrivedAt,
      inferenceMs: performance.now() - startedAt,
    });
  }

  /** Only the first call has an effect. */
  fail(error: unknown): void {
    this.#failed.abort(error);
    this.#done.reject(error);
  }
}

/** Parts that run together, by the request that they belong to. */
export type Batch<P extends Part> = ReadonlyMap<P, Job<P>>;

/** Bounds of the pushback in milliseconds. */
const PUSHBACK_MS = { least: 50, most: 10_000 };

/**
 * What waits for a model, in the order in which it came, and the requests for which there is no room yet. A request
 * whose caller has gone, or whose deadline has passed, leaves at once.
 */
export class BatchQueue<P extends Part> {
  readonly #waiting = new Map<P, Job<P>>();
  readonly #outside: Job<P>[] = [];
  #requests = 0;
  /** Parts with a key. */
  readonly #shared = { rows: 0, tokens: 0 };
  /** Parts without one: each is a batch. */
  readonly #alone = { rows: 0, tokens: 0, parts: 0 };
  #closed = false;
  #wake = (): void => {};
  #batchBegan: number | undefined;
  #batchMs = 0;

  /** @param queue label of its metrics */
  constructor(
    readonly limits: QueueLimits,
    readonly queue: "generate" | "score",
    readonly metrics: Metrics,
  ) {
    this.#report();
    metrics.onRender(() => {
      const [first] = this.#waiting.values();
      const seconds = first === undefined ? 0 : (performance.now() - first.arrivedAt) / 1000;
      metrics.set("decorum_queue_oldest_seconds", seconds, { queue });
    });
  }

  /** What waits, counted as the limits say. */
  get depth(): number {
    return this.limits.counted === "requests"
      ? this.#requests
      : this.#alone.rows + this.#shared.rows;
  }

  /** Padded tokens that wait. */
  get tokens(): number {
    return this.#alone.tokens + this.#shared.tokens;
  }

  /**
   * Adds a request, all its parts or none.
   *
   * @param wait true: where there is no room it waits for it, behind those that came before; false: it is refused
   * @throws StatusError RESOURCE_EXHAUSTED with a pushback when the queue is full, UNAVAILABLE when it is closed;
   * InputError for a request that could never be taken
   */
  add(job: Job<P>, wait: boolean): void {
    if (this.#closed) throw unavailable("the service ends");
    this.#checkSize(job);
    const limit = this.#limitMet(job);
    if (wait && (limit !== undefined || this.#outside.length > 0)) this.#outside.push(job);
    else if (limit === undefined) this.#enter(job);
    else {
      const { counted } = this.limits;
      throw this.refusal(limit, `${this.depth} ${counted} of ${this.tokens} tokens wait`);
    }
  }

  /**
   * The next batch: as soon as it is full, or when its first part has waited for `maxDelayMs`. Undefined once the
   * queue is closed and empty.
   */
  async take(): Promise<Batch<P> | undefined> {
    while (true) {
      this.#expire();
      this.#admit();
      const [first, ...others] = this.#waiting.keys();
      if (first === undefined) {
        if (this.#closed) return undefined;
        await this.#change();
        continue;
      }
      const { batch, full } = pickBatch([first, ...others], this.limits);
      const wait = this.#waiting.get(first)!.arrivedAt + this.limits.maxDelayMs - performance.now();
      if (wait > 0 && !full && !this.#closed) {
        await this.#change(wait);
        continue;
      }
      const taken = new Map(batch.map((part) => [part, this.#waiting.get(part)!]));
      for (const [part, job] of taken) this.#remove(part, job);
      this.#batchBegan = performance.now();
      this.#report();
      this.#admit();
      return taken;
    }
  }

  /** The batch that was taken has ended: from its time follows when refused callers may come back. */
  ended(): void {
    this.#batchMs = this.#batchBegan === undefined ? 0 : performance.now() - this.#batchBegan;
    this.#batchBegan = undefined;
  }

  /** Takes a request out and ends it with an error. @returns whether any of it waited */
  drop(job: Job<P>, error: unknown): boolean {
    const outside = this.#outside.indexOf(job);
    if (outside >= 0) this.#outside.splice(outside, 1);
    const waited = outside >= 0 || job.waiting > 0;
    for (const part of job.parts) if (this.#waiting.has(part)) this.#remove(part, job);
    job.fail(error);
    this.#report();
    this.#admit();
    return waited;
  }

  /** Drops a request that nobody waits for any more. */
  abandon(job: Job<P>, reason: unknown): void {
    if (!this.drop(job, reason)) return;
    const labels = { queue: this.queue, reason: goneReason(reason) } as const;
    this.metrics.add("decorum_queue_rejections_total", 1, labels);
  }

  /** Counts a refusal. @returns RESOURCE_EXHAUSTED with the pushback */
  refusal(reason: Refusal, why: string): StatusError {
    this.metrics.add("decorum_queue_rejections_total", 1, { queue: this.queue, reason });
    return resourceExhausted(`Cannot take the request: ${why}; try again later`, this.pushbackMs);
  }

  /**
   * Milliseconds after which a refused caller may come back: half of (batches that wait) x (time of the last batch or of
   * the one that runs, the longer of the two), but at least 50 and at most 10,000. The batches that wait are the parts that
   * run alone, and as many as the others fill. After half that time there is room again, and the model still has work.
   */
  get pushbackMs(): number {
    const running = this.#batchBegan === undefined ? 0 : performance.now() - this.#batchBegan;
    const { maxRows, maxTokens } = this.limits;
    const { rows, tokens } = this.#shared;
    const batches = this.#alone.parts + Math.ceil(Math.max(rows / maxRows, tokens / maxTokens));
    const half = batches * Math.max(this.#batchMs, running) / 2;
    return Math.min(PUSHBACK_MS.most, Math.max(PUSHBACK_MS.least, half));
  }

  /** Takes nothing more; `take` ends when nothing waits any more. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #checkSize({ parts }: Job<P>): void {
    const { counted, maxWaiting, maxWaitingTokens, maxTokens, maxRows } = this.limits;
    const large = parts.find((part) => part.key !== undefined && !fits(part, this.limits));
    if (large !== undefined) {
      throw new InputError(
        `Cannot take part ${
          parts.indexOf(large)
        } of the request: it has ${large.rows} sequences of ` +
          `${
            paddedTokens(large)
          } tokens, a batch holds at most ${maxRows} of ${maxTokens}; send less, ` +
          "or raise the limits of a batch (batching)",
      );
    }
    const count = this.#count(parts);
    const tokens = tokensOf(parts);
    if (count <= maxWaiting && tokens <= maxWaitingTokens) return;
    throw new InputError(
      `Cannot take ${count} ${counted} of ${tokens} tokens at once: ` +
        `at most ${maxWaiting} of ${maxWaitingTokens} tokens may wait; send less`,
    );
  }

  #limitMet({ parts }: Job<P>): Refusal | undefined {
    const { maxWaiting, maxWaitingTokens } = this.limits;
    if (this.depth + this.#count(parts) > maxWaiting) return "depth";
    return this.tokens + tokensOf(parts) > maxWaitingTokens ? "tokens" : undefined;
  }

  #count(parts: readonly P[]): number {
    return this.limits.counted === "requests" ? 1 : parts.reduce((sum, { rows }) => sum + rows, 0);
  }

  #admit(): void {
    while (this.#outside[0] && this.#limitMet(this.#outside[0]) === undefined) {
      this.#enter(this.#outside.shift()!);
    }
  }

  #enter(job: Job<P>): void {
    this.#requests++;
    for (const part of job.parts) {
      this.#waiting.set(part, job);
      this.#tally(part, 1);
    }
    this.#report();
    this.#wake();
  }

  #remove(part: P, job: Job<P>): void {
    this.#waiting.delete(part);
    this.#tally(part, -1);
    if (--job.waiting === 0) this.#requests--;
  }

  #tally(part: P, sign: 1 | -1): void {
    if (part.key === undefined) this.#alone.parts += sign;
    const tally = part.key === undefined ? this.#alone : this.#shared;
    tally.rows += sign * part.rows;
    tally.tokens += sign * paddedTokens(part);
  }

  /** Late timers must not let what is late into a batch. */
  #expire(): void {
    const now = Date.now();
    const late = [...this.#waiting.values(), ...this.#outside].filter((job) => job.deadline <= now);
    for (const job of new Set(late)) this.abandon(job, deadlinePassed());
  }

  /** Waits until something comes or the queue is closed, for `ms` milliseconds at most. */
  #change(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #report(): void {
    const { queue } = this;
    this.metrics.set("decorum_queue_depth", this.depth, { queue });
    this.metrics.set("decorum_queue_tokens", this.tokens, { queue });
  }
}

/** The error of a request whose deadline passed before it had run. */
export function deadlinePassed(): StatusError {
  return new StatusError(
    "DEADLINE_EXCEEDED",
    "the deadline passed before the request was answered",
  );
}

function tokensOf(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + paddedTokens(part), 0);
}
