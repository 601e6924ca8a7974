import { RpcError } from "@decorum/rpc";

/** A wait was ended from outside: by Stop, or because the process ends. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
}

/** How to wait for services that are away. */
export interface Waiting {
  /** Ends waits, not calls. */
  readonly stop: AbortSignal;
  /** Ends calls too. */
  readonly cancel: AbortSignal;
  /** Tells people what is waited for, and what is there again. */
  say(message: string): void;
  /** Told of every failure that is waited out, with the name of what failed, as "policy 10.0.0.1:50051". */
  readonly failed?: (what: string) => void;
  /** Seconds of the first and of the longest pause; default 0.25 and 5. */
  readonly pauses?: readonly [first: number, longest: number];
}

/** True for failures that pass when a service comes back, or has less to do. */
export function isTransient(error: unknown): error is RpcError {
  if (!(error instanceof RpcError)) return false;
  switch (error.code) {
    case "UNAVAILABLE":
    case "DEADLINE_EXCEEDED":
    case "CANCELLED":
    case "UNKNOWN":
      return true;
    case "RESOURCE_EXHAUSTED":
      // A negative pushback says that the same request will fail again.
      return error.pushbackMs === undefined || error.pushbackMs >= 0;
    case "INTERNAL":
      // A connection that broke, not a fault that the server reports.
      return !error.details.startsWith("internal error:");
    default:
      return false;
  }
}

/** The pauses of one wait: growing, said at the first and then ever more rarely, and ended by `stop`. */
export class Backoff {
  #attempt = 0;
  #since = 0;
  #saidAt = 0;

  constructor(readonly what: string, readonly waiting: Waiting) {}

  /** Waits after a failure. @throws StoppedError when the wait is ended; other errors as they are. */
  async after(error: unknown, ended?: AbortSignal): Promise<void> {
    const { stop, cancel, say, pauses = [0.25, 5] } = this.waiting;
    if (!isTransient(error)) throw error;
    if (cancel.aborted || stop.aborted) {
      throw new StoppedError(`Stopped while waiting for ${this.what}`, { cause: error });
    }
    this.waiting.failed?.(this.what);
    const now = performance.now();
    if (this.#attempt === 0) this.#since = now;
    if (this.#attempt === 0 || now - this.#saidAt > 30_000) {
      say(`waiting for ${this.what}: ${error.message}`);
      this.#saidAt = now;
    }
    await pause(1000 * Math.min(pauses[1], pauses[0] * 2 ** this.#attempt++), [
      stop,
      cancel,
      ...(ended ? [ended] : []),
    ]);
    if (stop.aborted || cancel.aborted) {
      throw new StoppedError(`Stopped while waiting for ${this.what}`, { cause: error });
    }
  }

  /** To be told when it went well. */
  succeeded(): void {
    if (this.#attempt === 0) return;
    const seconds = ((performance.now() - this.#since) / 1000).toFixed(1);
    this.waiting.say(`${this.what} is back after ${seconds} s`);
    this.#attempt = 0;
  }
}

/** Calls until it goes well, as long as failures are transient. */
export async function persist<T>(
  what: string,
  waiting: Waiting,
  call: () => Promise<T>,
): Promise<T> {
  const backoff = new Backoff(what, waiting);
  for (;;) {
    try {
      const result = await call();
      backoff.succeeded();
      return result;
    } catch (error) {
      await backoff.after(error);
    }
  }
}

/** Resolves after `ms`, or as soon as one of the signals is aborted. */
export function pause(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  const any = AbortSignal.any([...signals]);
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      any.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    any.addEventListener("abort", done);
    if (any.aborted) done();
  });
}
