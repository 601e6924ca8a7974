import { context, ROOT_CONTEXT, SpanStatusCode, trace } from "@opentelemetry/api";
import { unavailable } from "@decorum/rpc";
import { WorkerDiedError } from "@decorum/runtime";
import type { TextClassifier } from "@decorum/scoring";
import type { Logger, Metrics } from "@decorum/telemetry";
import { type QueueLimits, ScoringQueue } from "./scoring_queue.ts";
import { paddedTokens, type ScoringJob, type ScoringRequest, type Unit } from "./scoring_job.ts";

const queueLabel = { queue: "score" } as const;
/** Milliseconds after which the callers of a batch whose thread ended may try again. */
const RELOAD_PUSHBACK_MS = 500;

/** What the engine needs of a classifier. */
export type ScoringModel = Pick<TextClassifier, "logits" | "reload" | typeof Symbol.asyncDispose>;

export interface ScoringEngineOptions {
  readonly model: ScoringModel;
  readonly limits: QueueLimits;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Scores the requests of all callers, batch after batch. Every door of the service stands on it. */
export class ScoringEngine {
  readonly queue: ScoringQueue;
  readonly #loop: Promise<void>;

  constructor(readonly options: ScoringEngineOptions) {
    this.queue = new ScoringQueue(options.limits, options.metrics);
    this.#loop = this.#run();
  }

  /**
   * Logits of a request's items, in their order.
   *
   * @param options.wait true: waits where the queue is full; false: fails fast
   * @throws StatusError RESOURCE_EXHAUSTED when the queue is full, DEADLINE_EXCEEDED when the deadline passed
   * while it waited, UNAVAILABLE when the model's thread ended; the signal's reason; RangeError when the request
   * is larger than the queue
   */
  async score(
    request: ScoringRequest,
    options: { readonly wait: boolean } = { wait: false },
  ): Promise<Float32Array[]> {
    const { promise, resolve, reject } = Promise.withResolvers<Float32Array[]>();
    promise.catch(() => {});
    const job: ScoringJob = {
      request,
      context: context.active(),
      settle: (outcome) => "error" in outcome ? reject(outcome.error) : resolve(outcome.logits),
      logits: request.items.map(() => undefined),
    };
    const { signal } = request;
    signal.throwIfAborted();
    const onAbort = () => this.queue.abandon(job, signal.reason);
    signal.addEventListener("abort", onAbort);
    try {
      if (options.wait) await this.queue.addWhenRoom(job);
      else this.queue.add(job);
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Ends when the queue is empty, and frees the model. */
  async stop(): Promise<void> {
    this.queue.close();
    await this.#loop;
    await this.options.model[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    const { logger, model } = this.options;
    for (let batch = await this.queue.take(); batch; batch = await this.queue.take()) {
      try {
        await model.reload();
        await this.#runTraced(batch);
      } catch (error) {
        const died = error instanceof WorkerDiedError;
        if (died) logger.error("the model's thread ended; it is loaded again", { error });
        const told = died ? unavailable("the model is loaded again", RELOAD_PUSHBACK_MS) : error;
        for (const { job } of batch) {
          this.queue.drop(job);
          job.settle({ error: told });
        }
      }
    }
  }

  /** A batch of one request is part of its trace; one of several links to theirs. */
  async #runTraced(batch: readonly Unit[]): Promise<void> {
    const { metrics, model } = this.options;
    const jobs = [...new Set(batch.map(({ job }) => job))];
    const [only] = jobs;
    const parent = jobs.length === 1 && only ? only.context : ROOT_CONTEXT;
    const links = jobs.length === 1 ? [] : jobs.flatMap((job) => {
      const spanContext = trace.getSpanContext(job.context);
      return spanContext ? [{ context: spanContext }] : [];
    });
    const items = batch.flatMap((unit) => unit.items);
    const real = items.reduce((sum, { ids }) => sum + ids.length, 0);
    const padding = paddedTokens(batch) - real;
    const span = trace.getTracer("decorum.reward").startSpan("reward.batch", {
      links,
      attributes: {
        "decorum.batch.requests": jobs.length,
        "decorum.batch.sequences": items.length,
        "decorum.batch.padding_tokens": padding,
      },
    }, parent);
    const began = performance.now();
    try {
      const logits = await context.with(
        trace.setSpan(parent, span),
        () => model.logits(items),
      );
      deliver(batch, logits);
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      const took = performance.now() - began;
      this.queue.took(took);
      metrics.observe("decorum_batch_duration_seconds", took / 1000, queueLabel);
      metrics.observe("decorum_batch_size", items.length, queueLabel);
      metrics.add("decorum_batch_tokens_total", real, { ...queueLabel, kind: "real" });
      metrics.add("decorum_batch_tokens_total", padding, { ...queueLabel, kind: "padding" });
      span.end();
    }
  }
}

/** Hands each job its logits; a job is answered when all its items are done. */
function deliver(batch: readonly Unit[], logits: readonly Float32Array[]): void {
  let at = 0;
  for (const { job, indices } of batch) {
    for (const index of indices) job.logits[index] = logits[at++];
    const done = job.logits.filter((row) => row !== undefined);
    if (done.length === job.logits.length) job.settle({ logits: done });
  }
}
