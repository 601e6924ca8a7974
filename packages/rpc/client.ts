import * as grpc from "@grpc/grpc-js";
import type { Logger, Metrics } from "@decorum/telemetry";
import { InputError } from "@decorum/tensor";
import { checkTransport } from "./address.ts";
import { type CallTarget, makeCall } from "./calls.ts";
import type { kinds } from "./gen/kinds.ts";
import { loadProto } from "./load_proto.ts";
import {
  type AnyService,
  type CallOptions,
  type Calls,
  MAX_MESSAGE_BYTES,
  type Service,
} from "./service.ts";
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
  /** Largest message in bytes, both ways; default 64 MiB. */
  readonly maxMessageBytes?: number;
  /** Bytes of a stream that the server may send before they are read; default 64 KiB. More makes large answers faster. */
  readonly windowBytes?: number;
}

/** A client: the service's methods, and these. */
interface ClientControl {
  readonly address: string;
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
export function createClient<D, N extends keyof typeof kinds>(
  service: Service<D, N>,
  options: ClientOptions,
): RpcClient<Service<D, N>> {
  const { address } = options;
  checkTransport("call", address, options);
  const { definition } = loadProto(service);
  const anyService: AnyService = service;
  const { logger, metrics } = options;
  const security = clientSecurity(options.tls, address, { logger, metrics });
  const raw = new grpc.Client(address, security.credentials, {
    ...channelOptions(anyService, options.maxMessageBytes),
    ...(options.windowBytes === undefined
      ? {}
      : { "grpc-node.flow_control_window": options.windowBytes }),
    ...security.options,
    interceptors: [clientTracing(address, metrics)],
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
    close: () => raw.close(),
    [Symbol.dispose]: () => raw.close(),
  };
  return Object.assign(calls, control) as RpcClient<Service<D, N>>;
}

/** Attempts of a call in all, and the bounds of the wait between them. */
const retryPolicy = {
  maxAttempts: 4,
  initialBackoff: "0.1s",
  maxBackoff: "2s",
  backoffMultiplier: 2,
  // The server forbids a useless retry of RESOURCE_EXHAUSTED by a negative pushback.
  retryableStatusCodes: ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
} as const;

/** Channel options of a client: retries where the method's policy allows them, round robin, quick reconnects. */
function channelOptions(
  service: AnyService,
  maxMessageBytes = MAX_MESSAGE_BYTES,
): grpc.ChannelOptions {
  const retried = Object.entries(service.methods).filter(([, policy]) => policy.retry);
  const serviceConfig = {
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig: [{
      name: retried.map(([method]) => ({ service: service.name, method })),
      retryPolicy,
    }],
  };
  return {
    "grpc.service_config": JSON.stringify(serviceConfig),
    "grpc.service_config_disable_resolution": 1,
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 2000,
    "grpc.dns_min_time_between_resolutions_ms": 2000,
    // A link that is cut, or a process that hangs, fails its calls within 20 s.
    "grpc.keepalive_time_ms": 10_000,
    "grpc.keepalive_timeout_ms": 10_000,
    // Services are reached directly; each client has connections of its own and closes them.
    "grpc.enable_http_proxy": 0,
    "grpc.use_local_subchannel_pool": 1,
  };
}
