import { resolveAddresses, RpcError } from "@decorum/rpc";
import type { ServiceName } from "@decorum/settings";
import { Outage, pauseBetweenTries, persist, type Waiting } from "./waiting.ts";

/** A member does not fit the work: another model, limits that are too small, weights that it lacks. */
export class UnfitError extends Error {
  override readonly name = "UnfitError";
}

/** A client that a fleet can let go. */
export interface Closable {
  close(): void;
}

export interface FleetOptions<C extends Closable> {
  /** What the members are. */
  readonly peer: ServiceName;
  /** "host:port" each; a name may stand for several processes. */
  readonly addresses: readonly string[];
  /** Makes the client of a process, "ip:port". It is closed when the member has left and its last call has ended. */
  readonly connect: (address: string) => C;
  /** Addresses, "ip:port", behind a name; by default as the system resolves it. */
  readonly lookup?: (name: string) => Promise<string[]>;
  /** Milliseconds between two looks at the names while members are at work; default 2000. */
  readonly refreshMs?: number;
}

/** One process of a fleet. */
export interface Member<C> {
  readonly address: string;
  readonly client: C;
  /** Its failures in a row. */
  readonly outage: Outage;
}

interface Known<C> extends Member<C> {
  /** Why it is left out; undefined for one that fits, as far as is known. */
  unfit: { readonly why: string; readonly cause: unknown } | undefined;
  /** Calls under way. */
  calls: number;
}

/**
 * The processes that stand behind some names now. Names are looked up at every `resolve`.
 *
 * A member is in one of these states:
 * - *present*: a name stands for it. It gets calls.
 * - *away*: present, and its last call failed in a way that may pass (see `Outage`). It is tried again after a pause.
 * - *left out*: present, but it does not fit (`leaveOut`). It gets no calls as long as a name stands for it.
 * - *left*: no name stands for it any more. Calls under way may end; then its client is closed. A process that comes
 *   back at the same address is a new member.
 */
export class Fleet<C extends Closable> implements Disposable {
  readonly #members = new Map<string, Known<C>>();
  readonly #resolved = new Map<string, readonly string[]>();

  constructor(readonly options: FleetOptions<C>) {}

  /**
   * Members that are present and fit. Those of a name that cannot be resolved now are as they were.
   *
   * @throws RpcError UNAVAILABLE when nothing is known of a name yet, or nobody is behind the names; UnfitError when
   * every member is left out, with the cause of the last one
   */
  async resolve(): Promise<Member<C>[]> {
    const { addresses, peer, connect, lookup = resolveOneFamily } = this.options;
    for (const name of addresses) {
      try {
        this.#resolved.set(name, await lookup(name));
      } catch (cause) {
        if (this.#resolved.has(name)) continue;
        throw unresolved(name, (cause as Error).message, cause);
      }
    }
    const found = new Set([...this.#resolved.values()].flat());
    for (const [address, member] of this.#members) {
      if (found.has(address)) continue;
      this.#members.delete(address);
      if (member.calls === 0) member.client.close();
    }
    for (const address of found) {
      if (this.#members.has(address)) continue;
      const outage = new Outage(peer, address);
      const client = connect(address);
      this.#members.set(address, { address, client, outage, unfit: undefined, calls: 0 });
    }
    const all = [...this.#members.values()];
    const fit = all.filter(({ unfit }) => unfit === undefined);
    if (fit.length > 0) return fit;
    if (all.length === 0) throw unresolved(addresses.join(", "), "no address stands behind it");
    const reasons = all.map(({ unfit }) => unfit?.why).join("; ");
    throw new UnfitError(`No ${peer} fits: ${reasons}`, { cause: all.at(-1)?.unfit?.cause });
  }

  /** As `resolve`, and waits while nobody is known. @throws as `persist` */
  async resolveWhenever(waiting: Waiting): Promise<Member<C>[]> {
    const { peer, addresses } = this.options;
    return await persist(peer, addresses.join(", "), waiting, () => this.resolve());
  }

  /** Whether a name still stands for this member. */
  has(member: Member<C>): boolean {
    return this.#members.get(member.address) === member;
  }

  /** Calls a member; the client of one that has left meanwhile is closed after its last call. */
  async use<T>(member: Member<C>, call: (client: C) => Promise<T>): Promise<T> {
    const known = member as Known<C>;
    known.calls++;
    try {
      return await call(known.client);
    } finally {
      if (--known.calls === 0 && !this.has(known)) known.client.close();
    }
  }

  /** Leaves a member out from now on. @returns the error to throw */
  leaveOut(member: Member<C>, cause: Error): UnfitError {
    (member as Known<C>).unfit = { why: cause.message, cause };
    return new UnfitError(`${member.outage.what} is left out: ${cause.message}`, { cause });
  }

  /**
   * Calls all members at once, until each was tried and one at least has succeeded. Others that are away are not
   * waited for, and people are told.
   *
   * @throws UnfitError when none fits; else as `persist`
   */
  async reachAll(waiting: Waiting, call: (member: Member<C>) => Promise<void>): Promise<void> {
    const enough = new AbortController();
    const reach = async (member: Member<C>): Promise<void> => {
      const { outage } = member;
      for (;;) {
        try {
          await this.use(member, () => call(member));
          outage.ended(waiting);
          return enough.abort();
        } catch (error) {
          if (error instanceof UnfitError) return waiting.say(error.message);
          const ms = outage.failed(error, waiting);
          if (!enough.signal.aborted) {
            await pauseBetweenTries(outage, ms, waiting, enough.signal);
          }
          if (enough.signal.aborted) return outage.leave(error, waiting);
          // Nobody waits for a process that has gone for good.
          if (!(await this.resolve()).includes(member)) return;
        }
      }
    };
    while (!enough.signal.aborted) {
      const members = await this.resolveWhenever(waiting);
      await Promise.all(members.map((member) =>
        reach(member).catch((error) => {
          enough.abort();
          throw error;
        })
      ));
    }
  }

  [Symbol.dispose](): void {
    for (const { client } of this.#members.values()) client.close();
    this.#members.clear();
  }
}

function unresolved(address: string, details: string, cause?: unknown): RpcError {
  return new RpcError({ code: "UNAVAILABLE", details }, { method: "DNS", address }, { cause });
}

/** A host with addresses of both families is one process, not two: IPv4 where there is one. */
async function resolveOneFamily(name: string): Promise<string[]> {
  const all = await resolveAddresses(name);
  const v4 = all.filter((address) => !address.startsWith("["));
  return v4.length > 0 ? v4 : all;
}
