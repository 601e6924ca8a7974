import { failedPrecondition } from "@decorum/rpc";
import type { TextClassifier } from "@decorum/scoring";
import type { Logger, Metrics } from "@decorum/telemetry";
import type { ScoringEngine } from "./scoring_engine.ts";

/** What is served after a reload. */
export interface Reloaded {
  readonly version: string;
  /** False: the folder holds what was served before. */
  readonly changed: boolean;
}

export interface LiveClassifierOptions {
  /** Loads and warms up what the folder holds now. */
  readonly load: () => Promise<TextClassifier>;
  readonly engine: Pick<ScoringEngine, "idle">;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * The classifier in service. Another one is loaded beside it and takes its place between two batches; the old one
 * answers the requests that it met, and is then freed. What cannot be loaded changes nothing.
 */
export class LiveClassifier {
  readonly #first = Promise.withResolvers<TextClassifier>();
  #now: TextClassifier | undefined;
  #reloading: Promise<Reloaded> | undefined;
  #retiring = new Set<Promise<void>>();

  constructor(readonly options: LiveClassifierOptions) {
    this.#first.promise.catch(() => {});
  }

  /** The classifier in service; waits for the first one. Ask anew for each request. */
  get current(): Promise<TextClassifier> {
    return this.#now ? Promise.resolve(this.#now) : this.#first.promise;
  }

  /** The same, undefined until the first one is loaded. */
  get now(): TextClassifier | undefined {
    return this.#now;
  }

  /** Loads the first one. @throws what `load` throws */
  async start(): Promise<void> {
    try {
      this.#now = await this.options.load();
      this.#first.resolve(this.#now);
    } catch (error) {
      this.#first.reject(error);
      throw error;
    }
  }

  /**
   * Loads the folder again. Calls that come meanwhile share the reload that runs.
   *
   * @throws StatusError FAILED_PRECONDITION when the folder cannot be served: the old classifier goes on
   */
  reload(): Promise<Reloaded> {
    this.#reloading ??= this.#reload().finally(() => this.#reloading = undefined);
    return this.#reloading;
  }

  /** Frees all, once nothing runs any more. */
  async stop(): Promise<void> {
    await this.#reloading?.catch(() => {});
    await Promise.all(this.#retiring);
    if (this.#now) await this.#now[Symbol.asyncDispose]();
  }

  async #reload(): Promise<Reloaded> {
    const { load, logger, metrics } = this.options;
    const old = await this.current;
    const count = (outcome: "loaded" | "unchanged" | "failed") =>
      metrics.add("decorum_model_reloads_total", 1, { reason: "requested", outcome });
    let next: TextClassifier;
    try {
      next = await load();
    } catch (error) {
      count("failed");
      logger.error("the classifier cannot be loaded again; the old one goes on", {
        error,
        model_version: old.version,
      });
      throw failedPrecondition(
        `Cannot load the classifier again: ${
          error instanceof Error ? error.message : error
        }. ${old.version} goes on`,
      );
    }
    const changed = next.version !== old.version;
    count(changed ? "loaded" : "unchanged");
    if (changed) this.#now = next;
    const retired = this.#retire(changed ? old : next);
    this.#retiring.add(retired);
    void retired.then(() => this.#retiring.delete(retired));
    logger.info(changed ? "another classifier serves" : "the classifier is the same", {
      model_version: next.version,
      ...(changed ? { old_version: old.version } : {}),
    });
    return { version: next.version, changed };
  }

  async #retire(classifier: TextClassifier): Promise<void> {
    const { engine, logger } = this.options;
    try {
      await engine.idle(classifier);
      await classifier[Symbol.asyncDispose]();
    } catch (error) {
      logger.warn("a classifier that was replaced could not be freed", { error });
    }
  }
}
