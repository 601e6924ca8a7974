import type { CallContext } from "./call_context.ts";

/** Settings of one call. */
export interface CallOptions {
  /** Milliseconds until the call gives up, retries included; default the method's own. */
  readonly deadlineMs?: number | undefined;
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined;
  /** The call being served: this one ends when that one ends, and not later than its deadline. */
  readonly parent?: Pick<CallContext, "signal" | "deadline"> | undefined;
  /** Sent with the call; names in lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
}
