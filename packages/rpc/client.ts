import { InputError } from "@decorum/tensor";
import * as grpc from "@grpc/grpc-js";
import { connectivityState } from "@grpc/grpc-js";
import type { Logger, Metrics } from "@decorum/telemetry";
import type { CallOptions } from "./call_options.ts";
import { type CallTarget, makeCall } from "./calls.ts";
import { channelOptions } from "./channel_options.ts";
import { checkTransport } from "./address.ts";
import { loadProto } from "./load_proto.ts";
import type { AnyService, Calls, Service } from "./service.ts";
import { clientSecurity, type ClientTls } from "./tls.ts";
import { clientTracing } from "./tracing.ts";

export interface ClientOptions {
  /** "host:port"; a name with several addresses gets calls in turn. */
  readonly address: string;
  /** Absent: plaintext, to loopback only unless `insecure`. */
  readonly tls?: ClientTls;
  /** True: plaintext to any address. */
  readonly insecure?: boolean;
  /** Bearer token, sent with every call; a function is asked at every call. */
  readonly token?: string | (() => string);
  readonly metrics?: Metrics;
  /** Is told when certificates have changed. */
  readonly logger?: Logger;
  /** Largest message in bytes, both ways; default 4 MiB. */
  readonly maxMessageBytes?: number;
  /** Called after tracing, in their order. */
  readonly interceptors?: readonly grpc.Interceptor[];
}

/** A client: the service's methods, and these. */
export interface ClientControl {
  readonly address: string;
  /** Resolves when a connection stands. @throws Error after `timeoutMs`. */
  ready(timeoutMs: number): Promise<void>;
  /** Ends the connection; running calls end with CANCELLED. */
  close(): void;
  [Symbol.dispose](): void;
}

/** A client of a service. */
export type RpcClient<S> = Calls<S> & ClientControl;

/**
 * Makes a client. It connects with its first call and reconnects by itself. Streams are sent and read at the
 * pace of the slower side; leaving a `for await` cancels the call.
 *
 * @throws InputError for plaintext where it is not allowed.
 */
export function createClient<D, H>(
  service: Service<D, H>,
  options: ClientOptions,
): RpcClient<Service<D, H>> {
  const { address } = options;
  checkTransport("call", address, options);
  const { definition } = loadProto(service);
  const anyService: AnyService = service;
  const { logger, metrics } = options;
  const security = clientSecurity(options.tls, address, { logger, metrics });
  const raw = new grpc.Client(address, security.credentials, {
    ...channelOptions(anyService, options.maxMessageBytes),
    ...security.options,
    interceptors: [clientTracing(address, metrics), ...options.interceptors ?? []],
  });

  const target: CallTarget = { raw, address, token: options.token };
  const calls: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(definition)) {
    const policy = anyService.methods[name];
    if (policy === undefined) {
      throw new InputError(`Cannot call ${service.name}/${name}: its policy is not declared`);
    }
    calls[name.charAt(0).toLowerCase() + name.slice(1)] = (
      input: unknown,
      call: CallOptions = {},
    ) => makeCall(target, method, policy, input, call);
  }
  const control: ClientControl = {
    address,
    ready: (timeoutMs) => waitForReady(raw, address, timeoutMs),
    close: () => raw.close(),
    [Symbol.dispose]: () => raw.close(),
  };
  return Object.assign(calls, control) as RpcClient<Service<D, H>>;
}

function waitForReady(raw: grpc.Client, address: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    raw.waitForReady(Date.now() + timeoutMs, (cause) => {
      if (!cause) return resolve();
      const state = connectivityState[raw.getChannel().getConnectivityState(false)];
      const text = `Cannot connect to ${address} in ${timeoutMs} ms: the channel is ${state}. ` +
        `Is the service running at this address?`;
      reject(new Error(text, { cause }));
    });
  });
}
