import { createClient, policyService, resolveAddresses, RpcError } from "@decorum/rpc";
import type { CallSecurity } from "@decorum/service";
import { inSpan, type Metrics } from "@decorum/telemetry";
import { persist, type Waiting } from "./waiting.ts";
import { ensureWeights, type PolicyClient, type WeightsImage } from "./weights_push.ts";

/** One policy process. */
export interface PolicyReplica {
  readonly address: string;
  readonly client: PolicyClient;
  /** Version that it is known to hold; undefined where that is to be found out. */
  version: number | undefined;
  /** This trainer pushed to it before, so no other may have. */
  ours: boolean;
}

export interface PoliciesOptions {
  /** "host:port" each; a name may stand for several processes. */
  readonly addresses: readonly string[];
  /** How they are called. */
  readonly security: CallSecurity;
  readonly metrics: Metrics;
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
   * @throws RpcError UNAVAILABLE when nothing is known of a name yet
   */
  async resolve(): Promise<PolicyReplica[]> {
    for (const name of this.options.addresses) {
      try {
        this.#resolved.set(name, await resolveOneFamily(name));
      } catch (error) {
        if (this.#resolved.has(name)) continue;
        const details = (error as Error).message;
        throw new RpcError({ code: "UNAVAILABLE", details }, { method: "DNS", address: name });
      }
    }
    const found = new Set([...this.#resolved.values()].flat());
    for (const [address, { client }] of this.#replicas) {
      if (found.has(address)) continue;
      client.close();
      this.#replicas.delete(address);
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
      this.#replicas.set(address, { address, client, version: undefined, ours: false });
    }
    return [...this.#replicas.values()];
  }

  /** Makes the weights those of the run and pushes them to every policy; waits for those that are away. */
  async publish(newest: WeightsImage, waiting: Waiting, start?: WeightsImage): Promise<void> {
    this.#newest = newest;
    this.#start ??= start;
    const replicas = await this.resolve();
    await Promise.all(
      replicas.map((replica) =>
        persist(`policy ${replica.address}`, waiting, async () => {
          // A process that has gone for good is no longer behind its name: nobody waits for it.
          const present = await this.resolve();
          if (present.includes(replica)) await this.ensure(replica, waiting.cancel);
        })
      ),
    );
  }

  /** Brings one policy up to date. @throws RpcError, Error as `ensureWeights` */
  async ensure(replica: PolicyReplica, signal: AbortSignal): Promise<void> {
    if (replica.version === this.newest.version) return;
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
