import type { Identity } from "./identity.ts";

/** What a handler knows of the call it serves. */
export interface CallContext {
  /** As "decorum.policy.v1.PolicyService/Generate". */
  readonly method: string;
  /** Address of the caller. */
  readonly peer: string;
  /** Who calls. */
  readonly identity: Identity;
  /** Milliseconds since 1970; Infinity where the caller set none. */
  readonly deadline: number;
  /** Aborted with a `StatusError` when the caller has gone, its deadline has passed, or the server ends. */
  readonly signal: AbortSignal;
  /** Metadata that the caller sent; the name in lower case. */
  metadata(name: string): string | undefined;
}
