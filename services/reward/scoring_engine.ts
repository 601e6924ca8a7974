import { context } from "@opentelemetry/api";
import { unavailable } from "@decorum/rpc";
import { WorkerDiedError } from "@decorum/runtime";
import { batchSpan, inSpan, type Logger, type Metrics } from "@decorum/telemetry";
import { type QueueLimits, ScoringQueue } from "./scoring_queue.ts";
import {
  paddedTokens,
  type ScoringAnswer,
  type ScoringJob,
  type ScoringModel,
  type ScoringRequest,
  type Unit,
} from "./scoring_job.ts";
import { ScoringStatistics } from "./scoring_statistics.ts";

const queueLabel = { queue: "score" } as const;
/** Milliseconds after which the callers of a batch whose thread ended may try again. */
const RELOAD_PUSHBACK_MS = 500;

export interface ScoringEngineOptions {
  readonly limits: QueueLimits;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/**
 * Scores the requests of all callers, batch after batch. Every door of the service stands on it. Its models belong to
 * somebody else: a batch is of one model, and while one takes another's place requests of both wait in one queue.
 */
export class ScoringEngine {
  readonly queue: ScoringQueue;
  readonly #loop: Promise<void>;
  readonly #unfinished = new Map<ScoringModel, number>();
  readonly #statistics = new WeakMap<ScoringModel, ScoringStatistics>();
  #onIdle: (() => void)[] = [];

  constructor(readonly options: ScoringEngineOptions) {
    this.queue = new ScoringQueue(options.limits, options.metrics);
    this.#loop = this.#run();
  }

  /**
   * Logits of a request's items, in their order.
   *
   * @param options.wait true: waits where the queue is full; false: fails fast
   * @throws StatusError RESOURCE_EXHAUSTED when the queue is full, DEADLINE_EXCEEDED when the deadline passed
   * while it waited, UNAVAILABLE when the model's thread ended; the signal's reason; InputError when the request
   * is larger than the queue
   */
  async score(
    request: ScoringRequest,
    options: { readonly wait: boolean } = { wait: false },
  ): Promise<ScoringAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<ScoringAnswer>();
    promise.catch(() => {});
    const job: ScoringJob = {
      request,
      context: context.active(),
      settle: (outcome) => "error" in outcome ? reject(outcome.error) : resolve(outcome.answer),
      logits: request.items.map(() => undefined),
      startedAt: undefined,
    };
    const { signal, model } = request;
    signal.throwIfAborted();
    const onAbort = () => this.queue.abandon(job, signal.reason);
    signal.addEventListener("abort", onAbort);
    this.#count(model, 1);
    try {
      if (options.wait) await this.queue.addWhenRoom(job);
      else this.queue.add(job);
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#count(model, -1);
    }
  }

  /** What a model has done so far. */
  statisticsOf(model: ScoringModel): ScoringStatistics {
    const found = this.#statistics.get(model) ?? new ScoringStatistics();
    this.#statistics.set(model, found);
    return found;
  }

  /** Says that a model is in use, until what is returned is called: a request of it is being made. */
  retain(model: ScoringModel): () => void {
    this.#count(model, 1);
    return () => this.#count(model, -1);
  }

  /** Resolves when a model is not in use, and no request of it waits or runs: it may be freed. */
  async idle(model: ScoringModel): Promise<void> {
    while (this.#unfinished.has(model)) {
      await new Promise<void>((resolve) => this.#onIdle.push(resolve));
    }
  }

  /** Ends when the queue is empty. */
  async stop(): Promise<void> {
    this.queue.close();
    await this.#loop;
  }

  #count(model: ScoringModel, by: number): void {
    const now = (this.#unfinished.get(model) ?? 0) + by;
    if (now > 0) {
      this.#unfinished.set(model, now);
      return;
    }
    this.#unfinished.delete(model);
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  async #run(): Promise<void> {
    const { logger } = this.options;
    for (let batch = await this.queue.take(); batch; batch = await this.queue.take()) {
      const model = batch[0]!.job.request.model;
      // Callers may leave a batch that runs; its model stays.
      this.#count(model, 1);
      try {
        await this.#reload(model);
        await this.#runTraced(batch, model);
      } catch (error) {
        const died = error instanceof WorkerDiedError;
        if (died) logger.error("the model's thread ended; it is loaded again", { error });
        const told = died ? unavailable("the model is loaded again", RELOAD_PUSHBACK_MS) : error;
        for (const { job } of batch) {
          this.queue.drop(job);
          job.settle({ error: told });
        }
      } finally {
        this.#count(model, -1);
      }
    }
  }

  /** Loads a model whose thread has ended. */
  async #reload(model: ScoringModel): Promise<void> {
    if (model.alive) return;
    const count = (outcome: "loaded" | "failed") =>
      this.options.metrics.add("decorum_model_reloads_total", 1, {
        reason: "worker_died",
        outcome,
      });
    await model.reload().then(() => count("loaded"), (error) => {
      count("failed");
      throw error;
    });
  }

  /** A batch is part of its requests' trace, where they have one in common, and links to them. */
  async #runTraced(batch: readonly Unit[], model: ScoringModel): Promise<void> {
    const { metrics } = this.options;
    const jobs = [...new Set(batch.map(({ job }) => job))];
    const items = batch.flatMap((unit) => unit.items);
    const real = items.reduce((sum, { ids }) => sum + ids.length, 0);
    const padding = model.packed ? 0 : paddedTokens(batch) - real;
    const attributes = {
      "decorum.batch.requests": jobs.length,
      "decorum.batch.sequences": items.length,
      "decorum.batch.padding_tokens": padding,
    };
    const settings = { ...batchSpan(jobs.map((job) => job.context)), attributes };
    const began = performance.now();
    for (const job of jobs) job.startedAt ??= began;
    try {
      const run = () => model.logits(items);
      const logits = await inSpan("decorum.reward", "reward.batch", settings, run);
      this.statisticsOf(model).ranBatch(items.length, performance.now() - began);
      deliver(batch, logits);
    } finally {
      const took = performance.now() - began;
      this.queue.took(took);
      metrics.observe("decorum_batch_duration_seconds", took / 1000, queueLabel);
      metrics.observe("decorum_batch_size", items.length, queueLabel);
      metrics.add("decorum_batch_tokens_total", real, { ...queueLabel, kind: "real" });
      metrics.add("decorum_batch_tokens_total", padding, { ...queueLabel, kind: "padding" });
    }
  }
}

/** Hands each job its logits; a job is answered when all its items are done. */
function deliver(batch: readonly Unit[], logits: readonly Float32Array[]): void {
  const now = performance.now();
  let at = 0;
  for (const { job, indices, queuedAt } of batch) {
    for (const index of indices) job.logits[index] = logits[at++];
    const done = job.logits.filter((row) => row !== undefined);
    if (done.length < job.logits.length) continue;
    const began = job.startedAt ?? now;
    job.settle({
      answer: { logits: done, queuedMs: began - queuedAt, inferenceMs: now - began },
    });
  }
}
