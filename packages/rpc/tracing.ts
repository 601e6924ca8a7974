import * as grpc from "@grpc/grpc-js";
import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { type LabelsOf, type Metrics, rpcAttributes, tracingOn } from "@decorum/telemetry";
import { hostPort } from "./address.ts";
import { type StatusName, statusName } from "./errors.ts";

const tracer = () => trace.getTracer("@decorum/rpc");

/** Statuses that are the server's fault: errors on its span (semantic conventions 1.45, gRPC). */
const serverFaults: readonly StatusName[] = [
  ...["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE"] as const,
  "DATA_LOSS",
];

const setter = {
  set: (carrier: grpc.Metadata, key: string, value: string) => carrier.set(key, value),
};
const getter = {
  get: (carrier: grpc.Metadata, key: string) => carrier.get(key).map(String),
  keys: (carrier: grpc.Metadata) => Object.keys(carrier.getMap()),
};

/**
 * A span, W3C context in the metadata, and `rpc.client.call.duration` for every call. The span begins where
 * the call is made, whatever state the channel is in, so its parent is the caller's active span.
 */
export function clientTracing(address: string, metrics: Metrics | undefined): grpc.Interceptor {
  const server = hostPort(address);
  const place: Attributes = {
    [rpcAttributes.serverAddress]: server?.host ?? address,
    ...(server === undefined ? {} : { [rpcAttributes.serverPort]: server.port }),
  };
  return (options, nextCall) => {
    const method = options.method_definition.path.slice(1);
    const call = startCall(method, SpanKind.CLIENT, context.active(), place);
    return new grpc.InterceptingCall(nextCall(options), {
      start(metadata, _listener, next) {
        if (call.span) propagation.inject(call.context, metadata, setter);
        const listener = new grpc.ListenerBuilder().withOnReceiveStatus((status, nextStatus) => {
          const outcome = { name: statusName(status.code), details: status.details };
          endCall(call, outcome, (name) => name !== "OK", (seconds, labels) => {
            metrics?.observe("rpc_client_call_duration_seconds", seconds, labels);
          });
          nextStatus(status);
        }).build();
        next(metadata, listener);
      },
    });
  };
}

/** A span that is active in the handler, and `rpc.server.call.duration`, for every call but probes. */
export function serverTracing(metrics: Metrics | undefined): grpc.ServerInterceptor {
  return (definition, nextCall) => {
    const method = definition.path.slice(1);
    if (/^grpc\.(health|reflection)\./.test(method)) {
      return new grpc.ServerInterceptingCall(nextCall);
    }
    let call: TracedCall | undefined;
    const within = (run: () => void) => call ? context.with(call.context, run) : run();
    const end = (name: StatusName, details = ""): void => {
      if (call === undefined || call.ended) return;
      endCall(
        call,
        { name, details },
        (status) => serverFaults.includes(status),
        (seconds, labels) => {
          metrics?.observe("rpc_server_call_duration_seconds", seconds, labels);
        },
      );
    };
    const listener = new grpc.ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        const parent = tracingOn()
          ? propagation.extract(ROOT_CONTEXT, metadata, getter)
          : ROOT_CONTEXT;
        call = startCall(method, SpanKind.SERVER, parent, {});
        within(() => next(metadata));
      })
      .withOnReceiveMessage((message, next) => within(() => next(message)))
      .withOnReceiveHalfClose((next) => within(next))
      .withOnCancel(() => {
        const deadline = nextCall.getDeadline();
        const due = typeof deadline === "number" ? deadline : deadline.getTime();
        end(Date.now() + 5 >= due ? "DEADLINE_EXCEEDED" : "CANCELLED");
      })
      .build();
    const responder = new grpc.ResponderBuilder()
      .withStart((next) => next(listener))
      .withSendStatus((status, next) => {
        end(statusName(status.code ?? grpc.status.OK), status.details ?? "");
        next(status);
      })
      .build();
    return new grpc.ServerInterceptingCall(nextCall, responder);
  };
}

interface TracedCall {
  /** Undefined without tracing. */
  readonly span: Span | undefined;
  readonly context: Context;
  readonly method: string;
  readonly started: number;
  ended: boolean;
}

function startCall(method: string, kind: SpanKind, parent: Context, extra: Attributes): TracedCall {
  const started = performance.now();
  if (!tracingOn()) return { span: undefined, context: parent, method, started, ended: false };
  const attributes = {
    [rpcAttributes.systemName]: "grpc",
    [rpcAttributes.method]: method,
    ...extra,
  };
  const span = tracer().startSpan(method, { kind, attributes }, parent);
  return { span, context: trace.setSpan(parent, span), method, started, ended: false };
}

function endCall(
  call: TracedCall,
  { name, details }: { readonly name: StatusName; readonly details: string },
  isError: (name: StatusName) => boolean,
  record: (seconds: number, labels: LabelsOf<"rpc_server_call_duration_seconds">) => void,
): void {
  if (call.ended) return;
  call.ended = true;
  call.span?.setAttribute(rpcAttributes.statusCode, name);
  if (isError(name)) {
    call.span?.setAttribute(rpcAttributes.errorType, name);
    call.span?.setStatus({ code: SpanStatusCode.ERROR, message: details });
  }
  const seconds = (performance.now() - call.started) / 1e3;
  const labels = { rpc_method: call.method, rpc_status_code: name };
  context.with(call.context, () => record(seconds, labels));
  call.span?.end();
}
