import * as grpc from "@grpc/grpc-js";
import { service as healthDefinition } from "grpc-health-check";
import { checkTransport } from "./address.ts";
import { toRpcError } from "./errors.ts";
import { clientSecurity, type ClientTls } from "./tls.ts";

/** Metadata of the health service's answers that names the server's version. */
export const VERSION_KEY = "decorum-version";

/** Tells those who ask for the server's health which version it is. */
export function tellVersion(version: string): grpc.ServerInterceptor {
  return ({ path }, call) => {
    if (!path.startsWith("/grpc.health.")) return new grpc.ServerInterceptingCall(call);
    const responder = new grpc.ResponderBuilder().withSendMetadata((metadata, next) => {
      metadata.set(VERSION_KEY, version);
      next(metadata);
    }).build();
    return new grpc.ServerInterceptingCall(call, responder);
  };
}

interface HealthCheck {
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
interface Health {
  readonly serving: boolean;
  /** Undefined for a server that is not one of this project. */
  readonly version: string | undefined;
}

/** Asks `grpc.health.v1`. @throws RpcError when nobody answers, or the service is not known there */
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
