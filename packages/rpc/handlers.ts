import { InputError } from "@decorum/tensor";
import type * as grpc from "@grpc/grpc-js";
import { trace } from "@opentelemetry/api";
import { type Logger, recordError } from "@decorum/telemetry";
import type { EventEmitter } from "node:events";
import type { CallContext } from "./service.ts";
import { type OutgoingStatus, StatusError, toStatus } from "./errors.ts";
import type { Identity } from "./identity.ts";
import { receive, send, untilAborted } from "./message_stream.ts";

/** What the adapter needs of its server. */
interface HandlerHost {
  readonly logger: Logger;
  /** Aborted when the grace period of a drain has ended. */
  readonly stopping: AbortSignal;
  identityOf(metadata: grpc.Metadata): Identity;
}

type Handler = (input: unknown, context: CallContext) => unknown;
type SurfaceCall =
  | grpc.ServerUnaryCall<unknown, unknown>
  | grpc.ServerReadableStream<unknown, unknown>
  | grpc.ServerWritableStream<unknown, unknown>
  | grpc.ServerDuplexStream<unknown, unknown>;

/**
 * grpc-js handlers of a service from its promise and generator functions, found under the methods' names in
 * camelCase.
 *
 * @throws InputError when a method has no function.
 */
export function adaptHandlers(
  serviceName: string,
  definition: grpc.ServiceDefinition,
  handlers: Readonly<Record<string, unknown>>,
  host: HandlerHost,
): grpc.UntypedServiceImplementation {
  const adapted: grpc.UntypedServiceImplementation = {};
  for (const [name, { requestStream, responseStream }] of Object.entries(definition)) {
    const method = `${serviceName}/${name}`;
    const key = name.charAt(0).toLowerCase() + name.slice(1);
    const handler = handlers[key];
    if (typeof handler !== "function") {
      throw new InputError(`Cannot serve ${method}: expected a function "${key}" in the handlers`);
    }
    const serve = (handler as Handler).bind(handlers);
    if (responseStream) {
      adapted[name] = (call: grpc.ServerDuplexStream<unknown, unknown>) =>
        void serveStream(call, requestStream, serve, open(call, method, host), host);
    } else {
      adapted[name] = (
        call: grpc.ServerUnaryCall<unknown, unknown>,
        callback: grpc.sendUnaryData<unknown>,
      ) => void serveOne(call, callback, requestStream, serve, open(call, method, host), host);
    }
  }
  return adapted;
}

interface OpenCall extends CallContext {
  /** Takes the listeners off: what happens to the call now is no longer the handler's business. */
  close(): void;
}

function open(call: SurfaceCall, method: string, host: HandlerHost): OpenCall {
  const controller = new AbortController();
  const due = call.getDeadline();
  const deadline = typeof due === "number" ? due : due.getTime();
  const onCancelled = (): void => {
    // The timer of grpc-js may be a few milliseconds early.
    const late = Date.now() + 5 >= deadline;
    controller.abort(
      late
        ? new StatusError("DEADLINE_EXCEEDED", "the caller's deadline has passed")
        : new StatusError("CANCELLED", "the caller has cancelled the call or gone away"),
    );
  };
  const onStopping = () => controller.abort(host.stopping.reason);
  const events: EventEmitter = call;
  events.on("cancelled", onCancelled);
  host.stopping.addEventListener("abort", onStopping);
  if (host.stopping.aborted) onStopping();
  return {
    method,
    peer: call.getPeer(),
    identity: host.identityOf(call.metadata),
    deadline,
    signal: controller.signal,
    close() {
      events.off("cancelled", onCancelled);
      host.stopping.removeEventListener("abort", onStopping);
    },
  };
}

function input(call: SurfaceCall, requestStream: boolean, { signal }: CallContext): unknown {
  if (!requestStream) return (call as grpc.ServerUnaryCall<unknown, unknown>).request;
  const source = call as grpc.ServerDuplexStream<unknown, unknown>;
  return receive(source, signal, () => signal.aborted ? signal.reason : undefined);
}

async function serveOne(
  call: SurfaceCall,
  callback: grpc.sendUnaryData<unknown>,
  requestStream: boolean,
  serve: Handler,
  context: OpenCall,
  host: HandlerHost,
): Promise<void> {
  try {
    const work = Promise.resolve(serve(input(call, requestStream, context), context));
    callback(null, await untilAborted(work, context.signal));
  } catch (error) {
    callback(failed(error, context, host));
  } finally {
    context.close();
  }
}

async function serveStream(
  call: grpc.ServerDuplexStream<unknown, unknown>,
  requestStream: boolean,
  serve: Handler,
  context: OpenCall,
  host: HandlerHost,
): Promise<void> {
  const { signal } = context;
  let answers: AsyncIterator<unknown> | undefined;
  try {
    const iterable = serve(input(call, requestStream, context), context) as AsyncIterable<unknown>;
    answers = iterable[Symbol.asyncIterator]();
    while (true) {
      const { done, value } = await untilAborted(answers.next(), signal);
      if (done) break;
      await send(call, value, signal);
    }
    call.end();
  } catch (error) {
    // Not awaited: a generator that waits for something else returns only when that has come.
    if (signal.aborted) answers?.return?.().catch(() => {});
    const status = failed(error, context, host);
    if (!call.destroyed) call.emit("error", status);
  } finally {
    context.close();
  }
}

function failed(
  error: unknown,
  context: CallContext,
  host: HandlerHost,
): grpc.StatusObject & Error {
  const status: OutgoingStatus = toStatus(error);
  const fields = { rpc_method: context.method, identity: context.identity.name, error };
  if (status.internal) {
    host.logger.error("call failed", fields);
    const span = trace.getActiveSpan();
    if (span) recordError(span, error);
  } else host.logger.debug("call refused", { ...fields, status: status.name });
  const { code, details, metadata } = status;
  return Object.assign(new Error(details), { code, details, metadata });
}
