import type { LogFields, Logger } from "@decorum/telemetry";
import type { CallContext } from "./call_context.ts";
import { toStatus } from "./errors.ts";

/** A call whose outcome goes into the audit log. */
export interface AuditedCall<T> {
  readonly logger: Logger;
  readonly call: Pick<CallContext, "method" | "peer" | "identity">;
  /** What the call is about, as the run's id. */
  readonly fields: LogFields;
  /** What it came to, as the version that was made. */
  readonly describe?: (result: T) => LogFields;
}

/**
 * Does the work of a call and writes one line to the audit log: who called from where, what it was about, and
 * whether it was done, refused (with the reason) or failed. Inside a span the line carries its trace id.
 */
export async function audited<T>(
  { logger, call, fields, describe }: AuditedCall<T>,
  work: () => T | Promise<T>,
): Promise<T> {
  const { method, peer, identity } = call;
  const name = method.slice(method.lastIndexOf("/") + 1);
  const who = { identity: identity.name, identity_by: identity.by, peer, rpc_method: method };
  try {
    const result = await work();
    logger.audit(`${name} done`, { ...who, ...fields, ...describe?.(result), outcome: "done" });
    return result;
  } catch (error) {
    const { name: status, internal, details: reason } = toStatus(error);
    const outcome = internal ? "failed" : "refused";
    logger.audit(`${name} ${outcome}`, { ...who, ...fields, outcome, status, reason });
    throw error;
  }
}
