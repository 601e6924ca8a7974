import * as grpc from "@grpc/grpc-js";

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
