import { type Backoff, backoffMs, DeadlineError, defaultBackoff, delay } from "@decorum/async";
import { RpcError, unavailable } from "@decorum/rpc";
import type { ServiceName } from "@decorum/settings";

/** A wait was ended from outside: the run is stopped, or the process ends. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
}

/** How to wait for services that do not answer. */
export interface Waiting {
  /** Ends waits, not calls. */
  readonly stop: AbortSignal;
  /** Ends calls too. */
  readonly cancel: AbortSignal;
  /** Tells people what is waited for, and what is back. */
  say(message: string): void;
  /** Told of every failure that is waited out. */
  readonly failed?: (peer: ServiceName) => void;
  /** Default: `defaultBackoff`. */
  readonly backoff?: Backoff;
  /** Milliseconds without any success after which a wait ends with UNAVAILABLE; default: it never does. */
  readonly patienceMs?: number;
}

/** Whether a failure may pass by itself: when a service comes back, or has less to do. */
export function isTransient(error: unknown): boolean {
  if (error instanceof DeadlineError) return true;
  if (!(error instanceof RpcError)) return false;
  switch (error.code) {
    case "UNAVAILABLE":
    case "DEADLINE_EXCEEDED":
    case "CANCELLED":
    case "UNKNOWN":
      return true;
    // With a negative pushback a server says that the same request will fail again. A server of Decorum sends it
    // with every INTERNAL of its own; without it INTERNAL is a connection that broke.
    case "RESOURCE_EXHAUSTED":
    case "INTERNAL":
      return error.pushbackMs === undefined || error.pushbackMs >= 0;
    default:
      return false;
  }
}

/** Milliseconds after which a service that still does not answer is mentioned again; twice as long each time. */
const REMIND_MS = 30_000;

/** The failures in a row of one service. People are told of the first, of its end, and now and then in between. */
export class Outage {
  #tries = 0;
  #since = 0;
  #remindAt = 0;
  #left = false;

  /** For people, as "policy 10.0.0.1:50051". */
  readonly what: string;

  constructor(readonly peer: ServiceName, address: string) {
    this.what = `${peer} ${address}`;
  }

  /**
   * Notes a failure that may pass.
   *
   * @param succeededAt when another did what this one failed at, as `performance.now()` has it
   * @returns milliseconds to wait before the next try
   * @throws the error itself when no wait helps; StoppedError when waits have ended; StatusError UNAVAILABLE when
   * `patienceMs` is over
   */
  failed(error: unknown, waiting: Waiting, succeededAt = 0): number {
    if (!isTransient(error)) throw error;
    throwIfStopped(this.what, waiting, error);
    const { patienceMs = Infinity, backoff = defaultBackoff } = waiting;
    const now = performance.now();
    const { message } = error as Error;
    waiting.failed?.(this.peer);
    if (this.#tries++ === 0) this.#since = this.#remindAt = now;
    const lasted = now - Math.max(this.#since, succeededAt);
    if (lasted > patienceMs) {
      throw unavailable(`${this.what} did not answer for ${seconds(lasted)} s: ${message}`);
    }
    if (now >= this.#remindAt && !this.#left) {
      waiting.say(`waiting for ${this.what}: ${message}`);
      this.#remindAt = now + Math.max(REMIND_MS, now - this.#since);
    }
    return backoffMs(backoff, this.#tries);
  }

  /** Notes that others do the work and nobody waits for this one; it is not mentioned again until it is back. */
  leave(error: unknown, waiting: Waiting): void {
    if (!this.#left) waiting.say(`continuing without ${this.what}: ${(error as Error).message}`);
    this.#left = true;
  }

  /** To be told of every success. */
  ended(waiting: Waiting): void {
    if (this.#tries === 0) return;
    waiting.say(`${this.what} is back after ${seconds(performance.now() - this.#since)} s`);
    this.#tries = 0;
    this.#left = false;
  }
}

/** Waits between two tries. @throws StoppedError when the wait is ended by `stop` or `cancel` */
export async function pauseBetweenTries(
  { what }: Outage,
  ms: number,
  waiting: Waiting,
  ended?: AbortSignal,
): Promise<void> {
  await delay(ms, waiting.stop, waiting.cancel, ended);
  throwIfStopped(what, waiting);
}

/**
 * Calls one service until it succeeds, as long as its failures may pass.
 *
 * @throws as `Outage.failed`
 */
export async function persist<T>(
  peer: ServiceName,
  address: string,
  waiting: Waiting,
  call: () => Promise<T>,
): Promise<T> {
  const outage = new Outage(peer, address);
  for (;;) {
    try {
      const result = await call();
      outage.ended(waiting);
      return result;
    } catch (error) {
      await pauseBetweenTries(outage, outage.failed(error, waiting), waiting);
    }
  }
}

function throwIfStopped(what: string, { stop, cancel }: Waiting, cause?: unknown): void {
  if (!stop.aborted && !cancel.aborted) return;
  throw new StoppedError(`Stopped while waiting for ${what}`, cause ? { cause } : {});
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
