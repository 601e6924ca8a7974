import { Condition, Deadline, DeadlineError, delay } from "@decorum/async";
import { type Closable, type Fleet, type Member, UnfitError } from "./fleet.ts";
import { pauseBetweenTries, StoppedError, type Waiting } from "./waiting.ts";

/** Does one item on a member. It must end when the signal is aborted, as calls with that signal do. */
export type Work<C, T, R> = (member: Member<C>, item: T, signal: AbortSignal) => Promise<R>;

export interface ShareOptions {
  /** Milliseconds for one item on one member, after which the member counts as failed. Default: the calls' own. */
  readonly deadlineMs?: number;
  /** Called when an item is done, once for each. */
  readonly onDone?: (index: number) => void;
  /** Items that one member may have at once; default 1. With 2 it works on one while the other is on its way. */
  readonly atOnce?: number;
  /**
   * Items for each member that may be begun before the first one without a collected result is done; default: all.
   * It bounds memory.
   */
  readonly ahead?: number;
}

/**
 * Does items on whichever member of a fleet is free. Who does an item, and how often it is tried, must not matter to
 * its result.
 *
 * What happens to a member and its item:
 * - it *joins* (names are looked up every `refreshMs`, and after each failure): it gets an item.
 * - it *leaves*: its item goes to another at once; its own call may still end, and the first result counts.
 * - it *fails* in a way that may pass, or it *hangs* for `deadlineMs`: its item goes to another at once; the member waits
 *   out a growing pause before it gets an item again.
 * - it does *not fit* (`UnfitError`): its item goes to another; it gets no more.
 * - it fails for good: all other calls are cancelled, and the error is thrown.
 *
 * With nobody left it waits until a member is back or joins.
 *
 * @returns results in the order of the items, each as soon as it and those before it are there
 * @throws StoppedError when the wait is ended; UnfitError when no member fits; what a member failed with for good
 */
export function shareInOrder<C extends Closable, T, R>(
  fleet: Fleet<C>,
  items: readonly T[],
  work: Work<C, T, R>,
  waiting: Waiting,
  options: ShareOptions = {},
): AsyncGenerator<R, void> {
  return new Sharing(fleet, items, work, waiting, options).results();
}

/** All results of {@link shareInOrder}. */
export async function shareWork<C extends Closable, T, R>(
  ...[fleet, items, work, waiting, options]: Parameters<typeof shareInOrder<C, T, R>>
): Promise<R[]> {
  return await Array.fromAsync(shareInOrder(fleet, items, work, waiting, options));
}

class Sharing<C extends Closable, T, R> {
  readonly #ledger: Ledger<Place<C>, R>;
  /** Something is done or given back, or all is over. */
  readonly #changed = new Condition();
  /** Aborted when all results are collected, or one failed for good. */
  readonly #over = new AbortController();
  readonly #cancel: AbortSignal;
  readonly #workers = new Map<Place<C>, Promise<void>>();
  readonly #members = new Set<Member<C>>();
  readonly #unfit = new Set<Member<C>>();
  #failure: { readonly error: unknown } | undefined;
  #succeededAt = 0;

  constructor(
    readonly fleet: Fleet<C>,
    readonly items: readonly T[],
    readonly work: Work<C, T, R>,
    readonly waiting: Waiting,
    readonly options: ShareOptions,
  ) {
    this.#ledger = new Ledger(items.length, () => {
      const { ahead = Infinity } = options;
      return ahead * Math.max(1, this.#members.size);
    });
    this.#cancel = AbortSignal.any([waiting.cancel, this.#over.signal]);
  }

  async *results(): AsyncGenerator<R, void> {
    await this.#recruit();
    const watching = this.#orFail(this.#watch());
    try {
      for (let index = 0; index < this.items.length; index++) {
        let found = this.#ledger.collect(index);
        while (!found && !this.#failure) {
          await this.#changed.wait();
          found = this.#ledger.collect(index);
        }
        if (!found) break;
        this.#changed.notify();
        yield found.result;
      }
    } finally {
      this.#over.abort();
      this.#changed.notify();
      await Promise.all([...this.#workers.values(), watching]);
    }
    if (this.#failure) throw this.#failure.error;
  }

  /** Starts a worker for members that have none, and takes back the items of those that have left. */
  async #recruit(): Promise<void> {
    const waiting = { ...this.waiting, cancel: this.#cancel };
    for (const member of await this.fleet.resolveWhenever(waiting)) {
      if (this.#members.has(member)) continue;
      this.#members.add(member);
      for (let i = 0; i < (this.options.atOnce ?? 1); i++) {
        const place = { member };
        this.#workers.set(place, this.#orFail(this.#serve(place)));
      }
    }
    for (const place of this.#workers.keys()) {
      if (this.fleet.has(place.member)) continue;
      this.#members.delete(place.member);
      if (this.#ledger.giveBack(place)) this.#changed.notify();
    }
  }

  /** Looks for members that join and leave, until all is over. */
  async #watch(): Promise<void> {
    const { fleet: { options: { peer, refreshMs = 2000 } }, waiting: { cancel } } = this;
    for (;;) {
      await delay(refreshMs, this.#cancel);
      if (this.#over.signal.aborted) return;
      if (cancel.aborted) throw new StoppedError(`Stopped while ${peer} calls were under way`);
      await this.#recruit();
    }
  }

  /** Has one member do items one after another, until all is over or it has left. */
  async #serve(place: Place<C>): Promise<void> {
    const { fleet, waiting } = this;
    const { member } = place;
    while (!this.#over.signal.aborted && fleet.has(member)) {
      const index = this.#ledger.take(place);
      if (index === undefined) {
        await this.#changed.wait();
        continue;
      }
      try {
        const result = await this.#attempt(member, index);
        this.#succeededAt = performance.now();
        member.outage.ended(waiting);
        if (this.#ledger.done(place, index, result)) this.options.onDone?.(index);
        this.#changed.notify();
      } catch (error) {
        this.#ledger.giveBack(place);
        this.#changed.notify();
        if (this.#over.signal.aborted) return;
        if (error instanceof UnfitError) {
          // It may have been at several items.
          if (this.#unfit.has(member)) return;
          this.#unfit.add(member);
          waiting.say(error.message);
          await this.#recruit();
          return;
        }
        const ms = member.outage.failed(error, waiting, this.#succeededAt);
        await pauseBetweenTries(member.outage, ms, waiting, this.#over.signal);
        // Others may stand behind its name by now.
        if (!this.#over.signal.aborted) await this.#recruit();
      }
    }
  }

  async #attempt(member: Member<C>, index: number): Promise<R> {
    const { deadlineMs } = this.options;
    const item = this.items[index]!;
    if (deadlineMs === undefined) {
      return await this.fleet.use(member, () => this.work(member, item, this.#cancel));
    }
    const what = `${member.outage.what} did not finish item ${index}`;
    using deadline = new Deadline(deadlineMs, what, this.#cancel);
    const { signal } = deadline;
    try {
      return await this.fleet.use(member, () => this.work(member, item, signal));
    } catch (error) {
      throw signal.reason instanceof DeadlineError ? signal.reason : error;
    }
  }

  /** The first failure for good ends everything. */
  async #orFail(part: Promise<void>): Promise<void> {
    try {
      await part;
    } catch (error) {
      if (this.#over.signal.aborted) return;
      this.#failure = { error };
      this.#over.abort();
      this.#changed.notify();
    }
  }
}

/** Where an item can be at a member. */
interface Place<C> {
  readonly member: Member<C>;
}

/** Which items wait, which are at a place, which are done. A place has one at a time. */
class Ledger<M, R> {
  readonly #waiting: number[];
  readonly #at = new Map<M, number>();
  readonly #done = new Set<number>();
  readonly #results = new Map<number, R>();
  #collected = 0;

  /** @param ahead see `ShareOptions` */
  constructor(count: number, readonly ahead: () => number) {
    this.#waiting = Array.from({ length: count }, (_, i) => i);
  }

  /** The next item that waits, for a place; undefined where none may be begun now. */
  take(place: M): number | undefined {
    while (this.#done.has(this.#waiting[0]!)) this.#waiting.shift();
    const index = this.#waiting[0];
    if (index === undefined || index >= this.#collected + this.ahead()) return undefined;
    this.#waiting.shift();
    this.#at.set(place, index);
    return index;
  }

  /** @returns false when another had done it already */
  done(place: M, index: number, result: R): boolean {
    this.#at.delete(place);
    if (this.#done.has(index)) return false;
    this.#done.add(index);
    this.#results.set(index, result);
    return true;
  }

  /** The item that a place has waits again, first in line. @returns false when it is at none */
  giveBack(place: M): boolean {
    const index = this.#at.get(place);
    if (index === undefined) return false;
    this.#at.delete(place);
    this.#waiting.unshift(index);
    return true;
  }

  /** Hands an item's result over, in the order of the items; undefined while it is not done. */
  collect(index: number): { readonly result: R } | undefined {
    if (!this.#results.has(index)) return undefined;
    const result = this.#results.get(index)!;
    this.#results.delete(index);
    this.#collected = index + 1;
    return { result };
  }
}
