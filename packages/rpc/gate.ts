import * as grpc from "@grpc/grpc-js";
import type { Metrics } from "@decorum/telemetry";
import type { Authorizer, CallAttempt } from "./auth.ts";
import { anonymous, type Identity } from "./identity.ts";
import { StatusError, toStatus } from "./errors.ts";

/** Milliseconds after which a client that met a draining server tries the next one. */
const drainPushbackMs = 100;

/**
 * Where every call passes before its handler: refused while the server drains, refused without the right
 * identity, counted while it runs. Probes pass always and are not counted.
 */
export class Gate {
  readonly #authorizer: Authorizer;
  readonly #metrics: Metrics | undefined;
  readonly #identities = new WeakMap<grpc.Metadata, Identity>();
  readonly #active = new Map<string, number>();
  #refusing = false;
  #onIdle: (() => void)[] = [];

  constructor(authorizer: Authorizer, metrics: Metrics | undefined) {
    this.#authorizer = authorizer;
    this.#metrics = metrics;
  }

  /** Calls that run. */
  get active(): number {
    return [...this.#active.values()].reduce((sum, count) => sum + count, 0);
  }

  /** From now on new calls are refused with UNAVAILABLE and a pushback. */
  refuse(): void {
    this.#refusing = true;
  }

  /** Resolves when no call runs. */
  idle(): Promise<void> {
    if (this.active === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Who makes the call that this metadata came with. */
  identityOf(metadata: grpc.Metadata): Identity {
    return this.#identities.get(metadata) ?? anonymous;
  }

  /** Stands behind the tracing interceptor, so that refused calls are traced too. */
  readonly interceptor: grpc.ServerInterceptor = (definition, call) => {
    const method = definition.path.slice(1);
    if (method.startsWith("grpc.health.")) return new grpc.ServerInterceptingCall(call);
    let running = false;
    const leave = (): void => {
      if (running) this.#count(method, -1);
      running = false;
    };
    const listener = new grpc.ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        const certificate = call.getAuthContext().sslPeerCertificate;
        const authorization = metadata.get("authorization")[0]?.toString();
        const identity = this.#authorizer.identify({ certificate, authorization });
        const refusal = this.#refusal({ method, peer: call.getPeer(), identity });
        if (refusal) {
          const { code, details, metadata: trailers } = toStatus(refusal);
          call.sendStatus({ code, details, metadata: trailers });
          return;
        }
        this.#identities.set(metadata, identity);
        running = true;
        this.#count(method, 1);
        next(metadata);
      })
      .withOnCancel(leave)
      .build();
    const responder = new grpc.ResponderBuilder()
      .withStart((next) => next(listener))
      .withSendStatus((status, next) => {
        next(status);
        leave();
      })
      .build();
    return new grpc.ServerInterceptingCall(call, responder);
  };

  #refusal(attempt: CallAttempt): StatusError | undefined {
    if (!this.#refusing) return this.#authorizer.refusal(attempt);
    this.#authorizer.count(attempt.method, "draining");
    return new StatusError("UNAVAILABLE", "the server is draining", {
      pushbackMs: drainPushbackMs,
    });
  }

  #count(method: string, by: number): void {
    const now = (this.#active.get(method) ?? 0) + by;
    this.#active.set(method, now);
    this.#metrics?.set("decorum_rpc_server_active_calls", now, { rpc_method: method });
    if (this.active > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}
