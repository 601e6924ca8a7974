import type { ServiceError } from "@grpc/grpc-js";
import { type StatusName, statusName } from "./status.ts";

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
