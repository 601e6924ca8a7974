import {
  type Attributes,
  type Context,
  context,
  type Link,
  type Span,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import {
  ATTR_ERROR_TYPE,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from "@opentelemetry/semantic-conventions";

/** Span attributes of RPC calls, stable in semantic conventions 1.45. */
export const rpcAttributes = {
  systemName: ATTR_RPC_SYSTEM_NAME,
  method: ATTR_RPC_METHOD,
  statusCode: ATTR_RPC_STATUS_CODE,
  serverAddress: ATTR_SERVER_ADDRESS,
  serverPort: ATTR_SERVER_PORT,
  errorType: ATTR_ERROR_TYPE,
} as const;

let tracing = false;

/** Whether this process makes spans. */
export function tracingOn(): boolean {
  return tracing;
}

/** Told by `startTracing` alone. */
export function setTracing(on: boolean): void {
  tracing = on;
}

interface SpanSettings {
  readonly attributes?: Attributes;
  /** The parent; the active span when absent. */
  readonly parent?: Context;
  readonly links?: Link[];
  /** True: a trace of its own. */
  readonly root?: boolean;
}

/**
 * Runs `work` in a span that is active in it; an error is recorded with its causes and thrown on. Without
 * tracing `work` simply runs, and gets no span.
 *
 * @param tracer the part of the project that makes the span, as "decorum.policy"
 */
export async function inSpan<T>(
  tracer: string,
  name: string,
  settings: SpanSettings,
  work: (span: Span | undefined) => T | Promise<T>,
): Promise<T> {
  if (!tracing) return await work(undefined);
  const { parent = context.active(), ...options } = settings;
  const span = trace.getTracer(tracer).startSpan(name, options, parent);
  try {
    return await context.with(trace.setSpan(parent, span), () => work(span));
  } catch (error) {
    recordError(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/**
 * A span of something that is over already, as a wait in a queue.
 *
 * @param began milliseconds of `performance.now()`
 */
export function pastSpan(tracer: string, name: string, parent: Context, began: number): void {
  if (!tracing || trace.getSpanContext(parent) === undefined) return;
  const startTime = Date.now() - (performance.now() - began);
  trace.getTracer(tracer).startSpan(name, { startTime }, parent).end();
}

/** Most causes of an error that a span records. */
const MAX_CAUSES = 4;

/** Makes a span one that failed: its status, the kind of error, and the error with its causes as events. */
export function recordError(span: Span, error: unknown): void {
  const { name, message } = error instanceof Error
    ? error
    : { name: "Error", message: String(error) };
  span.setAttribute("error.type", name);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  let cause = error;
  for (let i = 0; i <= MAX_CAUSES && cause !== undefined; i++) {
    span.recordException(cause instanceof Error ? cause : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
}

/**
 * Where a batch of several requests belongs: with the first of them where all are of one trace, else in a
 * trace of its own; it links to all of them.
 */
export function batchSpan(requests: readonly Context[]): Omit<SpanSettings, "attributes"> {
  if (!tracing) return {};
  const spans = requests.flatMap((request) => trace.getSpanContext(request) ?? []);
  const [first] = requests;
  const together = new Set(spans.map(({ traceId }) => traceId)).size === 1 &&
    spans.length === requests.length;
  return {
    ...(together && first ? { parent: first } : { root: true }),
    links: requests.length === 1 ? [] : spans.map((span) => ({ context: span })),
  };
}
