import * as grpc from "@grpc/grpc-js";
import { InputError } from "@decorum/tensor";
import type { EventEmitter } from "node:events";
import { receive, send } from "./message_stream.ts";
import { RpcError, toRpcError } from "./errors.ts";
import type { CallOptions, MethodPolicy } from "./service.ts";

/** Where a call goes. */
export interface CallTarget {
  readonly raw: grpc.Client;
  readonly address: string;
  readonly token: string | (() => string) | undefined;
}

type Method = grpc.MethodDefinition<unknown, unknown>;

/** One call on its way. */
interface RunningCall {
  readonly place: { method: string; address: string; signal: AbortSignal | undefined };
  /** Aborted when the status has come. */
  readonly ended: AbortController;
  /** The error that ended it; undefined while it runs, and after OK. */
  failure: RpcError | undefined;
}

/**
 * Makes a call of any kind: a promise of the answer, or a generator of the answers.
 *
 * @throws InputError when `deadlineMs` is not above 0 and finite: every call has a deadline
 */
export function makeCall(
  { raw, address, token }: CallTarget,
  definition: Method,
  policy: MethodPolicy,
  input: unknown,
  options: CallOptions,
): unknown {
  const { path, requestSerialize, responseDeserialize, requestStream, responseStream } = definition;
  const method = path.slice(1);
  const { signal, deadlineMs = policy.deadlineMs } = options;
  const running: RunningCall = {
    place: { method, address, signal },
    ended: new AbortController(),
    failure: undefined,
  };
  if (!(deadlineMs > 0 && Number.isFinite(deadlineMs))) {
    throw new InputError(
      `Cannot call with deadlineMs ${deadlineMs}: expected a finite number of milliseconds above 0`,
    );
  }
  if (signal?.aborted) {
    const status = { code: "CANCELLED", details: "cancelled before it began" } as const;
    running.failure = new RpcError(status, running.place, { cause: signal.reason });
    return responseStream ? failing(running.failure) : Promise.reject(running.failure);
  }

  const metadata = new grpc.Metadata();
  const bearer = typeof token === "function" ? token() : token;
  if (bearer !== undefined) metadata.set("authorization", `Bearer ${bearer}`);
  const codec = [path, requestSerialize, responseDeserialize] as const;
  const limits = { deadline: Date.now() + deadlineMs };

  if (!responseStream) {
    return new Promise<unknown>((resolve, reject) => {
      const done = (error: grpc.ServiceError | null, answer?: unknown): void => {
        running.failure ??= error ? toRpcError(error, running.place) : undefined;
        running.ended.abort();
        if (running.failure) reject(running.failure);
        else resolve(answer);
      };
      if (!requestStream) {
        follow(raw.makeUnaryRequest(...codec, input, metadata, limits, done), running);
        return;
      }
      const call = raw.makeClientStreamRequest(...codec, metadata, limits, done);
      follow(call, running);
      pump(call, input as AsyncIterable<unknown>, running).catch((error: unknown) => {
        // The caller's own iterable failed: its error is the one to tell.
        call.cancel();
        reject(error);
      });
    });
  }
  if (!requestStream) {
    const call = raw.makeServerStreamRequest(...codec, input, metadata, limits);
    follow(call, running);
    return answers(call, running);
  }
  const call = raw.makeBidiStreamRequest(...codec, metadata, limits);
  follow(call, running);
  let sourceError: { error: unknown } | undefined;
  pump(call, input as AsyncIterable<unknown>, running).catch((error: unknown) => {
    sourceError = { error };
    call.cancel();
  });
  return answers(call, running, () => sourceError);
}

/** Ties the call to its signal, notes its end, and begins to read what it answers. */
function follow(
  call: grpc.ClientUnaryCall | grpc.ClientReadableStream<unknown>,
  running: RunningCall,
) {
  const { place: { signal }, ended } = running;
  // grpc-js drops messages that nobody has begun to read when an error comes.
  if ("read" in call) call.read(0);
  const cancel = () => call.cancel();
  signal?.addEventListener("abort", cancel);
  ended.signal.addEventListener("abort", () => signal?.removeEventListener("abort", cancel));
  // The error comes before the status. Calls with one answer report it to their callback too.
  const events: EventEmitter = call;
  events.on("error", (error: grpc.ServiceError) => {
    running.failure ??= toRpcError(error, running.place);
    ended.abort();
  });
  events.on("status", () => ended.abort());
}

/** Sends all of `messages`; stops in silence when the call has ended. Rejects only with an error of `messages`. */
async function pump(
  call: grpc.ClientWritableStream<unknown>,
  messages: AsyncIterable<unknown> | Iterable<unknown>,
  { ended: { signal } }: RunningCall,
): Promise<void> {
  for await (const message of messages) {
    if (signal.aborted) return;
    try {
      await send(call, message, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
  }
  if (!signal.aborted) call.end();
}

async function* answers(
  call: grpc.ClientReadableStream<unknown>,
  running: RunningCall,
  sourceError: () => { error: unknown } | undefined = () => undefined,
): AsyncGenerator<unknown, void> {
  try {
    yield* receive<unknown>(call, running.ended.signal, () => running.failure);
  } catch (error) {
    const source = sourceError();
    throw source ? source.error : error;
  } finally {
    if (!running.ended.signal.aborted) call.cancel();
  }
}

// deno-lint-ignore require-yield -- it fails before there is anything to yield
async function* failing(error: RpcError): AsyncGenerator<unknown, void> {
  throw await Promise.resolve(error);
}
