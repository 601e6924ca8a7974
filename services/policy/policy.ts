import { context } from "@opentelemetry/api";
import type { CallContext } from "@decorum/rpc";
import type { ServiceContext } from "@decorum/service";
import { bucketByLength } from "@decorum/text";
import { Channel } from "./channel.ts";
import type { PolicyConfig } from "@decorum/settings";
import { Executor } from "./executor.ts";
import { pushShapes } from "./manifest.ts";
import { loadPolicyModel, type PolicyModel } from "./model.ts";
import { Pushes } from "./pushes.ts";
import { WeightsStore } from "./weights_store.ts";
import { type GenerationRequest, type Row, type TokenChunk, type Work } from "./work.ts";
import { WorkQueue } from "./work_queue.ts";

/** A loaded policy: its model, the weights it holds, and what waits for it. */
export class Policy implements AsyncDisposable {
  readonly store: WeightsStore;
  readonly pushes: Pushes;
  /** Names and shapes of a push. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;

  private constructor(
    readonly config: PolicyConfig,
    readonly model: PolicyModel,
    readonly queue: WorkQueue,
    readonly executor: Executor,
  ) {
    const keep = { versions: config.keep_versions, runs: config.keep_runs };
    this.store = new WeightsStore(model.base, model.start, keep);
    this.pushes = new Pushes(this.store, model.lora);
    this.shapes = pushShapes(model.lora, model.layers, model.config.hidden_size);
  }

  /** @throws Error, InputError for a model or adapter that cannot be used */
  static async load(
    { config, metrics, logger }: Omit<ServiceContext<PolicyConfig>, "security">,
  ): Promise<Policy> {
    const model = await loadPolicyModel(config, logger);
    const { limits, batching } = config;
    const queue = new WorkQueue({
      maxPrompts: batching.max_prompts,
      maxTokens: batching.max_tokens,
      maxDelayMs: batching.max_delay_ms,
      maxRequests: limits.max_queue,
      maxQueuedTokens: limits.max_queue_tokens,
    }, metrics);
    const executor = new Executor({
      queue,
      createEngine: () => model.createEngine(),
      streamTokens: config.stream_tokens,
      metrics,
      logger,
    });
    await executor.start();
    return new Policy(config, model, queue, executor);
  }

  /**
   * Completes all rows of a request. Chunks of one row come in order; rows are interleaved.
   *
   * @throws StatusError RESOURCE_EXHAUSTED when the queue is full; the signal's reason when it is aborted
   */
  async *generate(
    request: GenerationRequest,
    { signal, deadline }: Pick<CallContext, "signal" | "deadline">,
  ): AsyncGenerator<TokenChunk[], void> {
    const results = new Channel<TokenChunk>();
    const common = {
      request,
      results,
      signal,
      deadline,
      context: context.active(),
      queuedAt: performance.now(),
    };
    this.queue.add(this.#parts(request).map((rows): Work => ({ ...common, rows })));
    const onAbort = () => results.fail(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      let running = request.rows.length;
      for await (const chunks of results) {
        running -= chunks.filter(({ end }) => end).length;
        yield chunks;
        if (running === 0) return;
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Finishes what waits and frees the model. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.executor.stop();
  }

  /** A group stays whole; another request is cut by length where it is more than a batch. */
  #parts({ rows, asSent }: GenerationRequest): (readonly Row[])[] {
    if (asSent) return [rows];
    const { max_prompts, max_tokens } = this.config.batching;
    const lengths = rows.map(({ ids, maxNewTokens }) => ids.length + maxNewTokens);
    const buckets = bucketByLength(lengths, { maxPositions: max_tokens, maxRows: max_prompts });
    return buckets.map((bucket) => bucket.map((index) => rows[index]!));
  }
}
