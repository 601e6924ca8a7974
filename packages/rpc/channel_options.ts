import type { ChannelOptions } from "@grpc/grpc-js";
import type { AnyService } from "./service.ts";

/** Attempts of a call in all, and the bounds of the wait between them. */
export const retryPolicy = {
  maxAttempts: 4,
  initialBackoff: "0.1s",
  maxBackoff: "2s",
  backoffMultiplier: 2,
  // The server forbids a useless retry of RESOURCE_EXHAUSTED by a negative pushback.
  retryableStatusCodes: ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
} as const;

/** Channel options of a client: retries where the method's policy allows them, round robin, quick reconnects. */
export function channelOptions(service: AnyService, maxMessageBytes = 4 * 2 ** 20): ChannelOptions {
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
