import {
  createClient,
  failedPrecondition,
  policyService,
  resolveAddresses,
  type RpcClient,
  RpcError,
  unavailable,
} from "@decorum/rpc";
import type { CallSecurity } from "@decorum/service";
import type { Logger, Metrics } from "@decorum/telemetry";

export type PolicyClient = RpcClient<typeof policyService>;

export interface PolicyPoolOptions {
  readonly addresses: readonly string[];
  /** How they are called. */
  readonly security: CallSecurity;
  /** Milliseconds without any success after which a policy that is away is given up. */
  readonly waitMs: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Milliseconds of the first and of the longest pause between two tries. */
const PAUSES = { first: 250, longest: 5000 };

/** All processes of the policy. Which of them does a task does not matter to its result. */
export class PolicyPool implements Disposable {
  readonly #hashes = new Map<PolicyClient, string>();

  private constructor(
    readonly clients: readonly PolicyClient[],
    readonly options: PolicyPoolOptions,
  ) {}

  /** Finds the processes behind the addresses; connects with the first task. */
  static async open(options: PolicyPoolOptions): Promise<PolicyPool> {
    const { addresses, security, metrics } = options;
    const found = await Promise.all(addresses.map(resolveOneFamily));
    const clients = [...new Set(found.flat())].map((address) =>
      createClient(policyService, {
        ...security("policy"),
        address,
        metrics,
        maxMessageBytes: 64 * 2 ** 20,
      })
    );
    return new PolicyPool(clients, options);
  }

  /**
   * Does each task on whichever process is free. One that is away is tried again with growing pauses, and the log
   * says so; one that does not know the weights asked for does no more while others go on.
   *
   * @returns results in the order of the tasks
   * @throws StatusError UNAVAILABLE when none was reachable for `waitMs`, FAILED_PRECONDITION when two hold
   * different base models; RpcError for what a retry does not help; the signal's reason
   */
  async map<T, R>(
    tasks: readonly T[],
    signal: AbortSignal,
    work: (client: PolicyClient, task: T, signal: AbortSignal) => Promise<R>,
  ): Promise<R[]> {
    const { logger, waitMs } = this.options;
    const results = new Map<number, R>();
    const pending = tasks.map((_, i) => i);
    const over = new AbortController();
    const running = AbortSignal.any([signal, over.signal]);
    let changed = Promise.withResolvers<void>();
    const tell = () => {
      changed.resolve();
      changed = Promise.withResolvers<void>();
    };
    running.addEventListener("abort", tell);
    let workers = this.clients.length;
    let succeededAt = performance.now();

    const serve = async (client: PolicyClient): Promise<void> => {
      let failures = 0;
      let failingSince = 0;
      while (results.size < tasks.length) {
        running.throwIfAborted();
        const index = pending.shift();
        if (index === undefined) {
          await changed.promise;
          continue;
        }
        try {
          await this.#checkModel(client, running);
          results.set(index, await work(client, tasks[index]!, running));
          succeededAt = performance.now();
          if (failures > 0) logger.info("policy is back", { address: client.address });
          failures = 0;
        } catch (error) {
          pending.unshift(index);
          running.throwIfAborted();
          if (error instanceof RpcError && error.code === "NOT_FOUND" && workers > 1) {
            workers--;
            logger.warn("policy does not hold the weights", { address: client.address, error });
            return;
          }
          if (!isTransient(error)) throw error;
          if (failures === 0) failingSince = performance.now();
          const away = performance.now() - Math.max(failingSince, succeededAt);
          if (away > waitMs) throw unreachable(this.clients, away, error);
          this.#hashes.delete(client);
          if (failures === 0) {
            logger.warn("waiting for a policy", { address: client.address, error: error.message });
          }
          tell();
          await pause(Math.min(PAUSES.longest, PAUSES.first * 2 ** failures++), running);
        } finally {
          tell();
        }
      }
    };
    const ended = await Promise.allSettled(
      this.clients.map((client) =>
        serve(client).catch((error: unknown) => {
          // The first failure ends the others.
          if (!over.signal.aborted) over.abort(error);
          throw error;
        })
      ),
    );
    running.removeEventListener("abort", tell);
    signal.throwIfAborted();
    if (over.signal.aborted) throw over.signal.reason;
    const failed = ended.find((outcome) => outcome.status === "rejected");
    if (failed) throw failed.reason;
    return tasks.map((_, i) => results.get(i)!);
  }

  /** All processes hold one base model. Asked anew of one that was away. */
  async #checkModel(client: PolicyClient, signal: AbortSignal): Promise<void> {
    if (this.#hashes.has(client)) return;
    const { baseModelHash } = await client.getModelInfo({}, { signal });
    for (const [other, hash] of this.#hashes) {
      if (hash === baseModelHash) continue;
      throw failedPrecondition(
        `Cannot evaluate: policy ${other.address} holds base model ${hash}, policy ${client.address} ${baseModelHash}; ` +
          "give all of them the same model",
      );
    }
    this.#hashes.set(client, baseModelHash);
  }

  [Symbol.dispose](): void {
    for (const client of this.clients) client.close();
  }
}

/** A host of both families is one process twice: IPv4 where there is one. */
async function resolveOneFamily(name: string): Promise<string[]> {
  const all = await resolveAddresses(name);
  const v4 = all.filter((address) => !address.startsWith("["));
  return v4.length > 0 ? v4 : all;
}

function isTransient(error: unknown): error is RpcError {
  if (!(error instanceof RpcError)) return false;
  if (error.code === "RESOURCE_EXHAUSTED") return (error.pushbackMs ?? 0) >= 0;
  // A connection that broke, not a fault that the server reports.
  if (error.code === "INTERNAL") return !error.details.startsWith("internal error:");
  return ["UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "UNKNOWN"].includes(error.code);
}

function unreachable(clients: readonly PolicyClient[], ms: number, cause: RpcError): Error {
  const names = clients.map(({ address }) => address).join(", ");
  return unavailable(
    `Cannot evaluate: no policy answered for ${
      (ms / 1000).toFixed(1)
    } s at ${names}: ${cause.message}`,
  );
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
