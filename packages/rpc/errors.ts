import { InputError } from "@decorum/tensor";
import { Metadata } from "@grpc/grpc-js";
import { RpcError } from "./rpc_error.ts";
import { statusCode, type StatusName } from "./status.ts";

/** An error of a handler that says its own status. The message goes to the caller. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  /** Milliseconds after which the caller may try again; negative: it must not. */
  readonly pushbackMs: number | undefined;

  constructor(
    readonly code: StatusName,
    message: string,
    options: { cause?: unknown; pushbackMs?: number | undefined } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.pushbackMs = options.pushbackMs;
  }
}

/** What was asked for does not exist. */
export const notFound = (message: string): StatusError => new StatusError("NOT_FOUND", message);
/** What was to be made exists already. */
export const alreadyExists = (message: string): StatusError =>
  new StatusError("ALREADY_EXISTS", message);
/** The state of the system does not allow it; a repeat changes nothing. */
export const failedPrecondition = (message: string): StatusError =>
  new StatusError("FAILED_PRECONDITION", message);
/** Somebody else was first (a compare-and-set that failed). */
export const aborted = (message: string): StatusError => new StatusError("ABORTED", message);
/** Bytes were lost or changed. */
export const dataLoss = (message: string): StatusError => new StatusError("DATA_LOSS", message);
/** Not now, perhaps soon. */
export const unavailable = (message: string, pushbackMs?: number): StatusError =>
  new StatusError("UNAVAILABLE", message, { pushbackMs });
/**
 * A limit is reached. `pushbackMs`: clients try again after it; without it they must not, because the same
 * request would fail again.
 */
export const resourceExhausted = (message: string, pushbackMs = -1): StatusError =>
  new StatusError("RESOURCE_EXHAUSTED", message, { pushbackMs });

/** Why nobody waits for a call any more, as metrics name it. */
export function goneReason(error: unknown): "deadline_exceeded" | "unavailable" | "cancelled" {
  const code = error instanceof StatusError ? error.code : "CANCELLED";
  if (code === "DEADLINE_EXCEEDED") return "deadline_exceeded";
  return code === "UNAVAILABLE" ? "unavailable" : "cancelled";
}

/** What is sent to the caller, and what the server's log should say. */
export interface OutgoingStatus {
  readonly name: StatusName;
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
  /** True: the fault is ours; the details hide it and the log must tell it. */
  readonly internal: boolean;
}

/** Downstream codes that tell the caller something true about its own call. */
const passedOn: readonly StatusName[] = [
  ...["CANCELLED", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"] as const,
  ...["RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE"] as const,
  "UNAVAILABLE",
];

/**
 * The one mapping of errors to statuses. `InputError`: INVALID_ARGUMENT.
 * `StatusError`: its own. `AbortError`: CANCELLED. An `RpcError` of a service behind this one: its code, where
 * that concerns the caller. All else, errors of the JavaScript engine and broken invariants included: INTERNAL without details.
 */
export function toStatus(error: unknown): OutgoingStatus {
  const { name, details, pushbackMs } = classify(error);
  const metadata = new Metadata();
  if (pushbackMs !== undefined) {
    metadata.set("grpc-retry-pushback-ms", String(Math.round(pushbackMs)));
  }
  return { name, code: statusCode(name), details, metadata, internal: name === "INTERNAL" };
}

function classify(error: unknown): { name: StatusName; details: string; pushbackMs?: number } {
  if (error instanceof StatusError && error.code !== "INTERNAL") {
    const { code: name, message: details, pushbackMs } = error;
    return { name, details, ...(pushbackMs === undefined ? {} : { pushbackMs }) };
  }
  if (error instanceof RpcError && passedOn.includes(error.code)) {
    return { name: error.code, details: error.message, pushbackMs: -1 };
  }
  if (error instanceof Error && error.name === "AbortError") {
    return { name: "CANCELLED", details: "the call was cancelled" };
  }
  if (error instanceof InputError) {
    return { name: "INVALID_ARGUMENT", details: error.message };
  }
  return { name: "INTERNAL", details: "internal error: the server's log has its cause" };
}
