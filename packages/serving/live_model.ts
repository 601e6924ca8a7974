import { failedPrecondition } from "@decorum/rpc";
import type { Logger, Metrics } from "@decorum/telemetry";

/** What is served after a reload. */
export interface Reloaded {
  readonly version: string;
  /** False: the new model is the one that was served before. */
  readonly changed: boolean;
}

export interface LiveModelOptions<M> {
  /** What messages and the log call the model, as "classifier". */
  readonly noun: string;
  /** Loads and warms up the model that is to be served now. */
  readonly load: () => Promise<M>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * The model in service. A new one is loaded beside it and takes its place for all requests that come from then on. The old one is
 * freed when nobody uses it any more. A model that cannot be loaded changes nothing.
 */
export class LiveModel<M extends { readonly version: string } & AsyncDisposable> {
  readonly #first = Promise.withResolvers<void>();
  readonly #users = new Map<M, number>();
  /** What waits for the last user of a model that was replaced. */
  readonly #unused = new Map<M, () => void>();
  readonly #retiring = new Set<Promise<void>>();
  #now: M | undefined;
  #reloading: Promise<Reloaded> | undefined;

  constructor(readonly options: LiveModelOptions<M>) {
    this.#first.promise.catch(() => {});
  }

  /** The model in service; undefined until the first one is loaded. */
  get now(): M | undefined {
    return this.#now;
  }

  /** The model in service; waits for the first one. @throws what loading the first one throws */
  async current(): Promise<M> {
    await this.#first.promise;
    return this.#now!;
  }

  /** The model in service, which is not freed before the loan is disposed of. Throws as `current`. */
  async borrow(): Promise<{ readonly model: M } & Disposable> {
    await this.#first.promise;
    const model = this.#now!;
    return { model, ...this.retain(model) };
  }

  /** Keeps a model, one that was replaced too, from being freed until what is returned is disposed of. */
  retain(model: M): Disposable {
    const count = (by: number) => {
      const users = (this.#users.get(model) ?? 0) + by;
      if (users > 0) this.#users.set(model, users);
      else {
        this.#users.delete(model);
        this.#unused.get(model)?.();
      }
    };
    count(1);
    return { [Symbol.dispose]: () => count(-1) };
  }

  /** Loads the first model. @throws what `load` throws */
  async start(): Promise<void> {
    try {
      this.#now = await this.options.load();
      this.#first.resolve();
    } catch (error) {
      this.#first.reject(error);
      throw error;
    }
  }

  /**
   * Loads the model again. Calls that come meanwhile share the reload that runs.
   *
   * @throws StatusError FAILED_PRECONDITION when it cannot be loaded: the old model stays in service
   */
  reload(): Promise<Reloaded> {
    this.#reloading ??= this.#reload().finally(() => this.#reloading = undefined);
    return this.#reloading;
  }

  /** Frees all models, once nobody uses those that were replaced. */
  async stop(): Promise<void> {
    await this.#reloading?.catch(() => {});
    await Promise.all(this.#retiring);
    if (this.#now) await this.#now[Symbol.asyncDispose]();
  }

  async #reload(): Promise<Reloaded> {
    const { noun, load, logger, metrics } = this.options;
    const old = await this.current();
    const count = (outcome: "loaded" | "unchanged" | "failed") =>
      metrics.add("decorum_model_reloads_total", 1, { reason: "requested", outcome });
    let next: M;
    try {
      next = await load();
    } catch (error) {
      count("failed");
      logger.error(`the ${noun} cannot be loaded again; the old one stays in service`, {
        error,
        model_version: old.version,
      });
      const why = error instanceof Error ? error.message : error;
      throw failedPrecondition(
        `Cannot load the ${noun} again: ${why}. ${old.version} stays in service`,
      );
    }
    const changed = next.version !== old.version;
    count(changed ? "loaded" : "unchanged");
    if (changed) this.#now = next;
    const retired = this.#retire(changed ? old : next);
    this.#retiring.add(retired);
    void retired.then(() => this.#retiring.delete(retired));
    logger.info(changed ? `another ${noun} is in service` : `the ${noun} is the same as before`, {
      model_version: next.version,
      ...(changed ? { old_version: old.version } : {}),
    });
    return { version: next.version, changed };
  }

  /** Frees a model when nobody uses it any more. */
  async #retire(model: M): Promise<void> {
    const { noun, logger } = this.options;
    try {
      if (this.#users.has(model)) {
        await new Promise<void>((resolve) => this.#unused.set(model, resolve));
        this.#unused.delete(model);
      }
      await model[Symbol.asyncDispose]();
    } catch (error) {
      logger.warn(`a ${noun} that was replaced could not be freed`, { error });
    }
  }
}
