import { StatusError, toStatus } from "@decorum/rpc";

/** Why a request over HTTP is refused. The message goes to the caller. */
export class HttpError extends Error {
  override readonly name = "HttpError";

  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

/** The status of HTTP for each status of gRPC; 500 for all others. */
const statuses: Readonly<Record<string, number>> = {
  INVALID_ARGUMENT: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  FAILED_PRECONDITION: 409,
  RESOURCE_EXHAUSTED: 429,
  // As nginx logs it; nobody reads it.
  CANCELLED: 499,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
};

/** The answer to a request that failed: by the same mapping as over gRPC, with `Retry-After` where a repeat may help. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  const { name, details } = toStatus(error);
  const pushbackMs = error instanceof StatusError ? error.pushbackMs : undefined;
  return new HttpError(statuses[name] ?? 500, details, {
    ...(pushbackMs === undefined || pushbackMs < 0
      ? {}
      : { "retry-after": String(Math.max(1, Math.ceil(pushbackMs / 1000))) }),
    ...(name === "UNAUTHENTICATED" ? { "www-authenticate": 'Bearer, Basic realm="decorum"' } : {}),
  });
}
