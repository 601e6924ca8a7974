import { Channel } from "@decorum/async";
import type { CallContext } from "@decorum/rpc";
import type { ServiceContext } from "@decorum/service";
import { DynamicBatcher, type Part } from "@decorum/serving";
import { bucketByLength } from "@decorum/text";
import type { PolicyConfig } from "@decorum/settings";
import type { Engine } from "./engine.ts";
import { pushShapes } from "./manifest.ts";
import { loadPolicyModel, type PolicyModel } from "./model.ts";
import { Pushes } from "./pushes.ts";
import type { GenerationRequest, Row } from "./wire.ts";
import { promptKey, runBatch, type TokenChunk, type Work } from "./run_batch.ts";
import { WeightsStore } from "./weights.ts";

/** A loaded policy: its model, the weights it holds, and what waits for it. */
export class Policy implements AsyncDisposable {
  readonly store: WeightsStore;
  readonly pushes: Pushes;
  readonly batcher: DynamicBatcher<Work>;
  /** Names and shapes of a push. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;

  private constructor(
    readonly config: PolicyConfig,
    readonly model: PolicyModel,
    readonly engine: Engine,
    { metrics, logger }: Pick<ServiceContext<PolicyConfig>, "metrics" | "logger">,
  ) {
    const keep = { versions: config.keep_versions, runs: config.keep_runs };
    this.store = new WeightsStore(model.base, model.start, keep);
    this.pushes = new Pushes(this.store, model.lora);
    this.shapes = pushShapes(model.lora, model.layers, model.config.hidden_size);
    const { limits, batching, stream_tokens: streamTokens } = config;
    this.batcher = new DynamicBatcher<Work>({
      service: "policy",
      queue: "generate",
      limits: {
        maxRows: batching.max_prompts,
        maxTokens: batching.max_tokens,
        maxDelayMs: batching.max_delay_ms,
        counted: "requests",
        maxWaiting: limits.max_queue,
        maxWaitingTokens: limits.max_queue_tokens,
      },
      sessionOf: () => engine,
      run: (batch, signal) => runBatch(engine, batch, { streamTokens, signal, metrics }),
      metrics,
      logger,
    });
  }

  /** @throws Error, InputError for a model or adapter that cannot be used */
  static async load(
    { config, metrics, logger }: Omit<ServiceContext<PolicyConfig>, "security">,
  ): Promise<Policy> {
    const model = await loadPolicyModel(config, logger);
    return new Policy(config, model, await model.createEngine(), { metrics, logger });
  }

  /**
   * Completes all rows of a request. Chunks of one row come in order; rows are interleaved.
   *
   * @throws as `DynamicBatcher.submit`
   */
  async *generate(
    request: GenerationRequest,
    { signal, deadline }: Pick<CallContext, "signal" | "deadline">,
  ): AsyncGenerator<TokenChunk[], void> {
    const results = new Channel<TokenChunk>();
    const common = { request, results, signal, arrivedAt: performance.now() };
    const parts = this.#parts(request).map((sequences) => ({
      ...common,
      ...partOf(request, sequences),
    }));
    const ran = this.batcher.submit(parts, { signal, deadline, wait: false });
    ran.catch((error) => results.fail(error));
    let running = request.rows.length;
    for await (const chunks of results) {
      running -= chunks.filter(({ end }) => end).length;
      yield chunks;
      // The rest of its batch may still run.
      if (running === 0) return;
    }
  }

  /** Finishes what waits and frees the model. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.batcher.stop();
    await this.engine[Symbol.asyncDispose]();
  }

  /** A group stays whole; another request is cut by length where it is more than a batch, prompts that are shared last. */
  #parts({ rows, asSent, sharePrompts }: GenerationRequest): (readonly Row[])[] {
    if (asSent) return [rows];
    const { max_prompts, max_tokens } = this.config.batching;
    const together = sharePrompts
      ? [...Map.groupBy(rows, promptKey).values()]
      : rows.map((r) => [r]);
    const cuts = together.flatMap((group) =>
      pieces(group, Math.min(max_prompts, Math.floor(max_tokens / longest(group))))
    );
    return [...Map.groupBy(cuts, ({ length }) => length)].flatMap(([count, groups]) =>
      bucketByLength(groups.map(longest), {
        maxPositions: Math.floor(max_tokens / count),
        maxRows: Math.floor(max_prompts / count),
      }).map((bucket) => bucket.flatMap((index) => groups[index]!))
    );
  }
}

/** Positions of the longest of some rows. */
function longest(rows: readonly Row[]): number {
  return Math.max(...rows.map(({ ids, maxNewTokens }) => ids.length + maxNewTokens));
}

/** Rows in pieces of at most `most`, which is at least 1. */
function pieces(rows: readonly Row[], most: number): (readonly Row[])[] {
  const size = Math.max(1, most);
  return Array.from(
    { length: Math.ceil(rows.length / size) },
    (_, i) => rows.slice(i * size, (i + 1) * size),
  );
}

/** What runs together has the same weights and sampling, and shares prompts or does not. */
function partOf(
  { sampling, weights, asSent, sharePrompts }: GenerationRequest,
  sequences: readonly Row[],
): Part & Pick<Work, "sequences"> {
  const { doSample, temperature, topK, topP } = sampling;
  return {
    sequences,
    rows: sequences.length,
    inputTokens: Math.max(...sequences.map(({ ids }) => ids.length)),
    outputTokens: Math.max(...sequences.map(({ maxNewTokens }) => maxNewTokens)),
    key: asSent ? undefined : [weights, sharePrompts, doSample, temperature, topK, topP],
  };
}
