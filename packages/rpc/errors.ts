import { InputError } from "@decorum/tensor";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";

/** Name of a gRPC status code. */
export type StatusName = keyof typeof status;

const names = new Map<number, StatusName>(
  Object.entries(status).flatMap(([name, code]) =>
    typeof code === "number" ? [[code, name as StatusName] as const] : []
  ),
);

/** The name of a status code; UNKNOWN for a number that is none. */
export function statusName(code: number): StatusName {
  return names.get(code) ?? "UNKNOWN";
}

/** The number of a status. */
function statusCode(name: StatusName): number {
  return status[name];
}

const advice: Partial<Record<StatusName, string>> = {
  UNAVAILABLE: "Is the service running at this address, and has it loaded its model?",
  DEADLINE_EXCEEDED: "Is the service overloaded? If the work is that long, raise deadlineMs",
  RESOURCE_EXHAUSTED: "Send less at once, or later",
  UNAUTHENTICATED: "Give a client certificate or a token that the service knows",
  PERMISSION_DENIED: "Use an identity that the service's table allows this method",
  UNIMPLEMENTED: "Do client and server have the same version?",
  INTERNAL: "The server's log has the cause",
};

/** A call that failed, as its caller sees it. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  /** Name of the status, as "UNAVAILABLE". */
  readonly code: StatusName;
  /** As "decorum.policy.v1.PolicyService/Generate". */
  readonly method: string;
  /** The address that was called. */
  readonly address: string;
  /** What the server said. */
  readonly details: string;
  /** Milliseconds after which the server allows another try; negative: not this request. */
  readonly pushbackMs: number | undefined;

  constructor(
    status: { code: StatusName; details: string; pushbackMs?: number | undefined },
    call: { method: string; address: string },
    options: { cause?: unknown } = {},
  ) {
    const hint = advice[status.code];
    super(
      `Cannot call ${call.method} at ${call.address}: ${status.code}: ${status.details}` +
        (hint === undefined ? "" : `. ${hint}`),
      options,
    );
    this.code = status.code;
    this.details = status.details;
    this.pushbackMs = status.pushbackMs;
    this.method = call.method;
    this.address = call.address;
  }
}

/** The `RpcError` of an error that grpc-js reports. */
export function toRpcError(
  error: ServiceError,
  call: { method: string; address: string; signal?: AbortSignal | undefined },
): RpcError {
  const code = statusName(error.code);
  const pushback = error.metadata?.get("grpc-retry-pushback-ms")[0];
  const pushbackMs = pushback === undefined ? undefined : Number(pushback);
  const cause: unknown = code === "CANCELLED" && call.signal?.aborted ? call.signal.reason : error;
  return new RpcError({ code, details: error.details, pushbackMs }, call, { cause });
}

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
  // The same request will fail again: that tells a fault of the server from a connection that broke.
  return {
    name: "INTERNAL",
    details: "internal error: the server's log has its cause",
    pushbackMs: -1,
  };
}
