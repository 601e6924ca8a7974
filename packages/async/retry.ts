import { delay } from "./delay.ts";

/** Pauses between tries: each is twice the one before, up to the longest. */
export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** For services that are away: soon at first, then every five seconds. */
export const defaultBackoff: Backoff = { firstMs: 250, longestMs: 5000 };

/** Milliseconds to wait after the failure of try number `tries`, which counts from 1. */
export function backoffMs({ firstMs, longestMs }: Backoff, tries: number): number {
  return Math.min(longestMs, firstMs * 2 ** (tries - 1));
}

export interface RetryOptions {
  /** Default {@link defaultBackoff}. */
  readonly backoff?: Backoff;
  /** Tries in all; default: no limit. */
  readonly attempts?: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether another try may help, asked after each failed try but the last; it is also the place to report one. */
  readonly mayPass: (error: unknown, tries: number) => boolean;
  /** Milliseconds that the other side asks to wait, where it does; a pause is never shorter. */
  readonly askedMs?: (error: unknown) => number | undefined;
}

/**
 * Calls until it succeeds, with growing pauses between tries.
 *
 * @param call gets the number of the try, from 1
 * @throws the last error, when no try is left or `mayPass` says no; the signal's reason once it is aborted
 */
export async function retry<T>(
  call: (tries: number) => Promise<T>,
  { backoff = defaultBackoff, attempts = Infinity, signal, mayPass, askedMs }: RetryOptions,
): Promise<T> {
  for (let tries = 1;; tries++) {
    signal?.throwIfAborted();
    let asked: number | undefined;
    try {
      return await call(tries);
    } catch (error) {
      signal?.throwIfAborted();
      if (tries >= attempts || !mayPass(error, tries)) throw error;
      asked = askedMs?.(error);
    }
    await delay(Math.max(backoffMs(backoff, tries), asked ?? 0), signal);
  }
}
