import { createClient, policyService, RpcError } from "@decorum/rpc";
import type { CallSecurity } from "@decorum/service";
import { inSpan, type Metrics } from "@decorum/telemetry";
import { Fleet, type FleetOptions, type Member } from "./fleet.ts";
import { shareWork } from "./share_work.ts";
import type { Waiting } from "./waiting.ts";
import { ensureWeights, type PolicyClient, type WeightsImage } from "./weights.ts";

/** Where policies are, and how they are called. */
export interface PolicyFleetOptions
  extends Pick<FleetOptions<PolicyClient>, "addresses" | "lookup" | "refreshMs"> {
  readonly security: CallSecurity;
  readonly metrics: Metrics;
}

/** The policies behind some names. */
export function policyFleet(
  { security, metrics, ...options }: PolicyFleetOptions,
): Fleet<PolicyClient> {
  const connect = (address: string) =>
    createClient(policyService, { ...security("policy"), address, metrics });
  return new Fleet({ ...options, peer: "policy", connect });
}

export interface PoliciesOptions extends PolicyFleetOptions {
  /**
   * Checks that a policy fits the run, before it gets its first weights.
   *
   * @throws RpcError when it does not answer; Error when it does not fit
   */
  readonly admit?: (client: PolicyClient, signal: AbortSignal) => Promise<void>;
}

/** Times in a row that a policy may lose its weights in one call. */
const MOST_LOSSES = 2;

/** All policies of a run, and the weights that they should hold. */
export class Policies implements Disposable {
  readonly fleet: Fleet<PolicyClient>;
  /** Members that fit the run. */
  readonly #admitted = new WeakSet<Member<PolicyClient>>();
  /** The version that this trainer brought to a member, as far as is known. */
  readonly #pushed = new WeakMap<Member<PolicyClient>, number>();
  #start: WeightsImage | undefined;
  #newest: WeightsImage | undefined;

  /** @param baseModelHash of the model that the trainer learns on */
  constructor(readonly options: PoliciesOptions, readonly baseModelHash: string) {
    this.fleet = policyFleet(options);
  }

  /**
   * Checks every policy, before the first weights: until then one that does not fit is an error, later it is left out.
   *
   * @throws as `admit`, and `Fleet.reachAll`
   */
  async check(waiting: Waiting): Promise<void> {
    await this.fleet.reachAll(waiting, async (member) => {
      await this.options.admit?.(member.client, waiting.cancel);
      this.#admitted.add(member);
    });
  }

  /**
   * Makes the weights those of the run and pushes them to every policy; waits until one at least holds them.
   *
   * @throws as `Fleet.reachAll`
   */
  async publish(newest: WeightsImage, waiting: Waiting, start?: WeightsImage): Promise<void> {
    this.#newest = newest;
    this.#start ??= start;
    await this.#push(waiting);
  }

  /** Pushes the weights again, since others found out that a policy has lost them. */
  async restore(waiting: Waiting): Promise<void> {
    for (const member of await this.fleet.resolve()) this.#pushed.delete(member);
    await this.#push(waiting);
  }

  async #push(waiting: Waiting): Promise<void> {
    await this.fleet.reachAll(waiting, (member) => this.#ensure(member, waiting.cancel));
  }

  /**
   * Does items on whichever policy is free, each by the newest weights: a policy that lacks them gets them first.
   *
   * @returns results in the order of the items
   * @throws as `shareWork`
   */
  async share<T, R>(
    items: readonly T[],
    work: (client: PolicyClient, item: T, weights: WeightsImage, signal: AbortSignal) => Promise<R>,
    waiting: Waiting,
  ): Promise<R[]> {
    return await shareWork<PolicyClient, T, R>(
      this.fleet,
      items,
      async (member, item, signal) => {
        for (let losses = 0;; losses++) {
          try {
            await this.#ensure(member, signal);
            return await work(member.client, item, this.#weights, signal);
          } catch (error) {
            // It may be a process that has started again: it is asked what it holds before it gets more work.
            this.#pushed.delete(member);
            if (!isLoss(error) || losses === MOST_LOSSES) throw error;
            waiting.say(`${member.outage.what} has lost its weights: pushing them again`);
          }
        }
      },
      waiting,
    );
  }

  get #weights(): WeightsImage {
    if (!this.#newest) throw new Error("internal: no weights were published yet");
    return this.#newest;
  }

  /** Brings one policy up to date. @throws UnfitError when it does not fit; else as `ensureWeights` */
  async #ensure(member: Member<PolicyClient>, signal: AbortSignal): Promise<void> {
    if (this.#pushed.get(member) === this.#weights.version) return;
    if (!this.#admitted.has(member)) await this.#admit(member, signal);
    try {
      await this.#bring(member, signal);
    } catch (error) {
      this.#pushed.delete(member);
      // It started again in the middle of the push.
      if (!isLoss(error)) throw error;
      await this.#bring(member, signal);
    }
  }

  async #admit(member: Member<PolicyClient>, signal: AbortSignal): Promise<void> {
    try {
      await this.options.admit?.(member.client, signal);
      this.#admitted.add(member);
    } catch (error) {
      if (error instanceof RpcError) throw error;
      throw this.fleet.leaveOut(member, error as Error);
    }
  }

  /** Pushes what the policy lacks, as a span and a time of its own. */
  async #bring(member: Member<PolicyClient>, signal: AbortSignal): Promise<void> {
    const attributes = { "server.address": member.address };
    const began = performance.now();
    let outcome: "committed" | "failed" = "failed";
    try {
      await inSpan("decorum.trainer", "push.policy", { attributes }, async () => {
        const options = { takeOver: !this.#pushed.has(member), signal };
        for (const image of [...this.#start ? [this.#start] : [], this.#weights]) {
          await ensureWeights(member.client, image, this.baseModelHash, options);
        }
        this.#pushed.set(member, this.#weights.version);
      });
      outcome = "committed";
    } finally {
      const seconds = (performance.now() - began) / 1000;
      this.options.metrics.observe("decorum_trainer_weight_push_seconds", seconds, { outcome });
    }
  }

  [Symbol.dispose](): void {
    this.fleet[Symbol.dispose]();
  }
}

/** A policy that started again knows nothing of the run, or of the push that it was in. */
function isLoss(error: unknown): boolean {
  return error instanceof RpcError && (error.code === "NOT_FOUND" || error.code === "ABORTED");
}
