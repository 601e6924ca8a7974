import { createClient, policyService, resolveAddresses, RpcError } from "@decorum/rpc";
import type { CallSecurity } from "@decorum/service";
import { inSpan, type Metrics } from "@decorum/telemetry";
import { Backoff, isTransient, persist, type Waiting } from "./waiting.ts";
import { ensureWeights, type PolicyClient, type WeightsImage } from "./weights_push.ts";

/** One policy process. */
export interface PolicyReplica {
  readonly address: string;
  readonly client: PolicyClient;
  /** Version that it is known to hold; undefined where that is to be found out. */
  version: number | undefined;
  /** This trainer pushed to it before, so no other may have. */
  ours: boolean;
  /** It was found to fit the run; see {@link PoliciesOptions.admit}. */
  admitted: boolean;
  /** Why it does not; it is left alone then. */
  unfit: string | undefined;
  /** It was said that others go on without it. */
  away: boolean;
  /** Calls under way; a client is closed when it has none. */
  calls: number;
}

/** A policy that joined a run and does not fit it: another model, limits that are too small. */
export class UnfitError extends Error {
  override readonly name = "UnfitError";
}

export interface PoliciesOptions {
  /** "host:port" each; a name may stand for several processes. */
  readonly addresses: readonly string[];
  /** How they are called. */
  readonly security: CallSecurity;
  readonly metrics: Metrics;
  /**
   * Checks that a policy fits the run, before it gets its first weights.
   *
   * @throws RpcError when it does not answer; Error when it does not fit
   */
  readonly admit?: (client: PolicyClient, signal: AbortSignal) => Promise<void>;
  /** Addresses, "ip:port", behind a name; by default as the system resolves it. */
  readonly lookup?: (name: string) => Promise<string[]>;
  /** Milliseconds between two looks at the names while policies are at work; default 2000. */
  readonly refreshMs?: number;
}

/** All policies of a run, and the weights that they should hold. */
export class Policies implements Disposable {
  readonly #replicas = new Map<string, PolicyReplica>();
  readonly #resolved = new Map<string, readonly string[]>();
  #start: WeightsImage | undefined;
  #newest: WeightsImage | undefined;

  /** @param baseModelHash of the model that the trainer learns on */
  constructor(readonly options: PoliciesOptions, readonly baseModelHash: string) {}

  /** The weights that rollouts are made with. */
  get newest(): WeightsImage {
    if (!this.#newest) throw new Error("internal: no weights were pushed yet");
    return this.#newest;
  }

  /**
   * Policies that the addresses stand for now; those of a name that cannot be resolved are as they were.
   *
   * @throws RpcError UNAVAILABLE when nothing is known of a name yet; UnfitError when none fits the run
   */
  async resolve(): Promise<PolicyReplica[]> {
    for (const name of this.options.addresses) {
      try {
        this.#resolved.set(name, await (this.options.lookup ?? resolveOneFamily)(name));
      } catch (error) {
        if (this.#resolved.has(name)) continue;
        const details = (error as Error).message;
        throw new RpcError({ code: "UNAVAILABLE", details }, { method: "DNS", address: name });
      }
    }
    const found = new Set([...this.#resolved.values()].flat());
    for (const [address, replica] of this.#replicas) {
      if (found.has(address)) continue;
      this.#replicas.delete(address);
      if (replica.calls === 0) replica.client.close();
    }
    for (const address of found) {
      if (this.#replicas.has(address)) continue;
      const { security, metrics } = this.options;
      const maxMessageBytes = 64 * 2 ** 20;
      const client = createClient(policyService, {
        ...security("policy"),
        address,
        metrics,
        maxMessageBytes,
      });
      this.#replicas.set(address, {
        ...{ address, client, version: undefined, ours: false },
        ...{ admitted: false, unfit: undefined, away: false, calls: 0 },
      });
    }
    return this.#fit();
  }

  /** Whether an address still stands for this policy. */
  has(replica: PolicyReplica): boolean {
    return this.#replicas.get(replica.address) === replica;
  }

  /** Makes calls of a policy; one that has left meanwhile is let go after the last. */
  async use<T>(replica: PolicyReplica, calls: () => Promise<T>): Promise<T> {
    replica.calls++;
    try {
      return await calls();
    } finally {
      if (--replica.calls === 0 && !this.has(replica)) replica.client.close();
    }
  }

  /** How to wait for a policy: of one that is away nothing is said again and again. */
  once(replica: PolicyReplica, waiting: Waiting): Waiting {
    return replica.away ? { ...waiting, say: () => {} } : waiting;
  }

  /** To be told that a policy answered. */
  back(replica: PolicyReplica, waiting: Waiting): void {
    if (replica.away) waiting.say(`policy ${replica.address} is there again`);
    replica.away = false;
  }

  /**
   * Tries all policies at once, until each was tried and one at least has done it. Others that are away are not
   * waited for: they are brought up to date when they are there again.
   *
   * @throws StoppedError when the wait is ended; what no wait can mend
   */
  async reach(
    waiting: Waiting,
    call: (replica: PolicyReplica) => Promise<void>,
  ): Promise<void> {
    const one = new AbortController();
    const attempt = async (replica: PolicyReplica): Promise<void> => {
      const backoff = new Backoff(`policy ${replica.address}`, this.once(replica, waiting));
      for (;;) {
        try {
          await this.use(replica, () => call(replica));
          backoff.succeeded();
          this.back(replica, waiting);
          return one.abort();
        } catch (error) {
          if (error instanceof UnfitError) return waiting.say(error.message);
          const without = () => {
            if (replica.away) return;
            replica.away = true;
            waiting.say(`going on without ${backoff.what}: ${(error as Error).message}`);
          };
          if (one.signal.aborted && isTransient(error)) {
            waiting.failed?.(backoff.what);
            return without();
          }
          await backoff.after(error, one.signal);
          if (one.signal.aborted) return without();
          // A process that has gone for good is no longer behind its name: nobody waits for it.
          if (!(await this.resolve()).includes(replica)) return;
        }
      }
    };
    while (!one.signal.aborted) {
      const present = await persist("the policies", waiting, () => this.resolve());
      await Promise.all(present.map((replica) =>
        attempt(replica).catch((error) => {
          one.abort();
          throw error;
        })
      ));
    }
  }

  /** Makes the weights those of the run and pushes them to every policy; waits until one at least holds them. */
  async publish(newest: WeightsImage, waiting: Waiting, start?: WeightsImage): Promise<void> {
    this.#newest = newest;
    this.#start ??= start;
    await this.reach(waiting, (replica) => this.ensure(replica, waiting.cancel));
  }

  /** Brings one policy up to date. @throws RpcError, Error as `ensureWeights`; UnfitError */
  async ensure(replica: PolicyReplica, signal: AbortSignal): Promise<void> {
    if (replica.version === this.newest.version) return;
    if (!replica.admitted) await this.#admit(replica, signal);
    try {
      await this.#bring(replica, signal);
    } catch (error) {
      this.forget(replica);
      // It began anew in the middle of the push.
      const lost = error instanceof RpcError && ["NOT_FOUND", "ABORTED"].includes(error.code);
      if (!lost) throw error;
      await this.#bring(replica, signal);
    }
  }

  /** To be called when a policy does not hold what it should: it may have begun anew. */
  forget(replica: PolicyReplica): void {
    replica.version = undefined;
    replica.ours = false;
  }

  /** @throws UnfitError for one that does not fit, which is left alone from now on */
  async #admit(replica: PolicyReplica, signal: AbortSignal): Promise<void> {
    try {
      await this.options.admit?.(replica.client, signal);
      replica.admitted = true;
    } catch (cause) {
      if (cause instanceof RpcError) throw cause;
      replica.unfit = (cause as Error).message;
      throw new UnfitError(`Left out: ${replica.unfit}`, { cause });
    }
  }

  #fit(): PolicyReplica[] {
    const all = [...this.#replicas.values()];
    const fit = all.filter(({ unfit }) => unfit === undefined);
    if (fit.length > 0) return fit;
    throw new UnfitError(`No policy fits the run: ${all.map(({ unfit }) => unfit).join("; ")}`);
  }

  /** Pushes what the policy lacks, as a span and a time of its own. */
  async #bring(replica: PolicyReplica, signal: AbortSignal): Promise<void> {
    const { metrics } = this.options;
    const attributes = { "server.address": replica.address };
    const began = performance.now();
    const count = (outcome: "committed" | "failed") => {
      const seconds = (performance.now() - began) / 1000;
      metrics.observe("decorum_trainer_weight_push_seconds", seconds, { outcome });
    };
    await inSpan(
      "decorum.trainer",
      "push.policy",
      { attributes },
      () => this.#push(replica, signal),
    )
      .then(() => count("committed"), (error) => {
        count("failed");
        throw error;
      });
  }

  async #push(replica: PolicyReplica, signal: AbortSignal): Promise<void> {
    const { newest, baseModelHash } = this;
    const options = { takeOver: !replica.ours, signal };
    if (this.#start) {
      await ensureWeights(replica.client, this.#start, baseModelHash, options);
    }
    await ensureWeights(replica.client, newest, baseModelHash, options);
    replica.version = newest.version;
    replica.ours = true;
  }

  /** Pushes everything anew to policies that lost it, which others found out. */
  async restore(waiting: Waiting): Promise<void> {
    for (const replica of this.#replicas.values()) this.forget(replica);
    await this.publish(this.newest, waiting);
  }

  close(): void {
    for (const { client } of this.#replicas.values()) client.close();
    this.#replicas.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A host of both families is one process twice: IPv4 where there is one. */
async function resolveOneFamily(name: string): Promise<string[]> {
  const all = await resolveAddresses(name);
  const v4 = all.filter((address) => !address.startsWith("["));
  return v4.length > 0 ? v4 : all;
}
