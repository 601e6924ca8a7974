import * as grpc from "@grpc/grpc-js";
import { service as healthDefinition } from "grpc-health-check";
import { checkTransport } from "./address.ts";
import { toRpcError } from "./rpc_error.ts";
import { clientSecurity, type ClientTls } from "./tls.ts";
import { VERSION_KEY } from "./version.ts";

export interface HealthCheck {
  /** "host:port". */
  readonly address: string;
  /** Service asked about, as "decorum.policy.v1.PolicyService"; default the server as a whole. */
  readonly service?: string;
  /** Default 2000. */
  readonly deadlineMs?: number;
  readonly tls?: ClientTls;
  readonly insecure?: boolean;
}

/** What a server says of itself. */
export interface Health {
  readonly serving: boolean;
  /** Undefined for a server that is not one of this project. */
  readonly version: string | undefined;
}

/** As {@link askHealth}: true for SERVING. */
export async function checkHealth(check: HealthCheck): Promise<boolean> {
  return (await askHealth(check)).serving;
}

/**
 * Asks `grpc.health.v1`.
 *
 * @throws RpcError when nobody answers, or the service is not known there (NOT_FOUND).
 */
export async function askHealth(check: HealthCheck): Promise<Health> {
  const { address, service = "", deadlineMs = 2000 } = check;
  checkTransport("call", address, check);
  const method = healthDefinition["Check"];
  if (!method) throw new Error("internal: grpc-health-check has no Check");
  const security = clientSecurity(check.tls, address);
  const client = new grpc.Client(address, security.credentials, {
    "grpc.enable_http_proxy": 0,
    "grpc.use_local_subchannel_pool": 1,
    ...security.options,
  });
  try {
    return await new Promise<Health>((resolve, reject) => {
      let version: string | undefined;
      const call = client.makeUnaryRequest<object, { status?: unknown }>(
        method.path,
        method.requestSerialize,
        (bytes) => method.responseDeserialize(bytes) as { status?: unknown },
        { service },
        { deadline: Date.now() + deadlineMs },
        (error, answer) => {
          if (error) reject(toRpcError(error, { method: method.path.slice(1), address }));
          else {
            const serving = answer?.status === "SERVING" || answer?.status === 1;
            resolve({ serving, version });
          }
        },
      );
      call.on("metadata", (metadata: grpc.Metadata) => {
        const [told] = metadata.get(VERSION_KEY);
        if (typeof told === "string") version = told;
      });
    });
  } finally {
    client.close();
  }
}
