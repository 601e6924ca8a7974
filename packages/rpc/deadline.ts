import { InputError } from "@decorum/tensor";
import type { CallOptions } from "./call_options.ts";

/** When a call ends at the latest, and what may end it before. */
export interface CallLimits {
  /** Milliseconds since 1970. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * The limits of a call: the nearer of its own deadline and its parent's, and both signals.
 *
 * @throws InputError when `deadlineMs` is not above 0 and finite: every call has a deadline.
 */
export function callLimits(options: CallOptions, defaultMs: number, now = Date.now()): CallLimits {
  const own = options.deadlineMs ?? defaultMs;
  if (!(own > 0 && Number.isFinite(own))) {
    throw new InputError(
      `Cannot call with deadlineMs ${own}: expected a finite number of milliseconds above 0`,
    );
  }
  const signals = [options.signal, options.parent?.signal].filter((signal) => signal !== undefined);
  return {
    deadline: Math.min(now + own, options.parent?.deadline ?? Infinity),
    signal: signals.length > 1 ? AbortSignal.any(signals) : signals[0],
  };
}
