import type { Span } from "@opentelemetry/api";
import { unavailable } from "@decorum/rpc";
import { WorkerDiedError } from "@decorum/runtime";
import { batchSpan, inSpan, type Logger, type Metrics } from "@decorum/telemetry";
import type { Engine } from "./engine.ts";
import { runBatch } from "./run_batch.ts";
import { describeWeights } from "./weights.ts";
import type { Work } from "./work.ts";
import type { WorkQueue } from "./work_queue.ts";

const queueLabel = { queue: "generate" } as const;
/** Tokens between two looks at whether anybody still waits for a batch without a stream. */
const UNSEEN_TOKENS = 128;
/** Milliseconds after which the callers of a batch whose thread ended may try again. */
const RELOAD_PUSHBACK_MS = 500;

export interface ExecutorOptions {
  readonly queue: WorkQueue;
  /** Loads the model; again when its thread has ended. */
  readonly createEngine: () => Promise<Engine>;
  /** Tokens between two chunks of a stream. */
  readonly streamTokens: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Runs one batch after another. */
export class Executor {
  #engine: Engine | undefined;
  #loop: Promise<void> = Promise.resolve();

  constructor(readonly options: ExecutorOptions) {}

  /** Loads the model and begins to take batches. */
  async start(): Promise<void> {
    this.#engine = await this.options.createEngine();
    this.#loop = this.#run();
  }

  /** Ends when the queue is empty, and frees the model. */
  async stop(): Promise<void> {
    this.options.queue.close();
    await this.#loop;
    await this.#engine?.[Symbol.asyncDispose]();
    this.#engine = undefined;
  }

  /** The model that runs now; undefined while it is loaded. */
  get engine(): Engine | undefined {
    return this.#engine;
  }

  async #run(): Promise<void> {
    const { queue, logger } = this.options;
    for (let batch = await queue.take(); batch; batch = await queue.take()) {
      try {
        this.#engine ??= await this.#reload();
        await this.#runTraced(this.#engine, batch);
      } catch (error) {
        const died = error instanceof WorkerDiedError;
        if (died) logger.error("the model's thread ended; it is loaded again", { error });
        const told = died ? unavailable("the model is loaded again", RELOAD_PUSHBACK_MS) : error;
        for (const { results, signal } of batch) {
          results.fail(signal.aborted ? signal.reason : told);
        }
      }
      if (this.#engine && !this.#engine.alive) this.#engine = undefined;
    }
  }

  async #reload(): Promise<Engine> {
    const { createEngine, metrics } = this.options;
    const count = (outcome: "loaded" | "failed") =>
      metrics.add("decorum_model_reloads_total", 1, { reason: "worker_died", outcome });
    try {
      const engine = await createEngine();
      count("loaded");
      return engine;
    } catch (error) {
      count("failed");
      throw error;
    }
  }

  /** A batch is part of its requests' trace, where they have one in common, and links to them. */
  async #runTraced(engine: Engine, batch: readonly Work[]): Promise<void> {
    const { queue, metrics } = this.options;
    const settings = batchSpan(batch.map((work) => work.context));
    const began = performance.now();
    try {
      const run = (span: Span | undefined) => this.#runMeasured(engine, batch, span);
      await inSpan("decorum.policy", "policy.batch", settings, run);
    } finally {
      const took = performance.now() - began;
      queue.took(took);
      metrics.observe("decorum_batch_duration_seconds", took / 1000, queueLabel);
    }
  }

  async #runMeasured(engine: Engine, batch: readonly Work[], span?: Span): Promise<void> {
    const { metrics, streamTokens } = this.options;
    const began = performance.now();
    const { weights } = batch[0]!.request;
    const streams = batch.some(({ request }) => request.stream);
    const { sequences, realTokens, paddingTokens, generatedTokens, longestResponse } =
      await runBatch(
        engine,
        batch,
        {
          chunkTokens: streams ? streamTokens : UNSEEN_TOKENS,
          signal: allAborted(batch.map(({ signal }) => signal)),
          onFirstToken: ({ queuedAt }) => {
            const seconds = (performance.now() - queuedAt) / 1000;
            metrics.observe("decorum_policy_first_token_seconds", seconds, {});
          },
        },
      );
    if (longestResponse > 0) {
      const seconds = (performance.now() - began) / 1000 / longestResponse;
      metrics.observe("decorum_policy_token_seconds", seconds, {});
    }
    metrics.observe("decorum_batch_size", sequences, queueLabel);
    metrics.add("decorum_batch_tokens_total", realTokens, { ...queueLabel, kind: "real" });
    metrics.add("decorum_batch_tokens_total", paddingTokens, { ...queueLabel, kind: "padding" });
    metrics.add("decorum_policy_generated_tokens_total", generatedTokens, {});
    span?.setAttributes({
      "decorum.batch.requests": batch.length,
      "decorum.batch.sequences": sequences,
      "decorum.batch.padding_tokens": paddingTokens,
      "decorum.batch.generated_tokens": generatedTokens,
      "decorum.weights": describeWeights(weights.label),
    });
  }
}

/** Aborted when nobody waits any more. */
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
