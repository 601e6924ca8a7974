import * as grpc from "@grpc/grpc-js";
import type { LabelsOf, Metrics } from "@decorum/telemetry";
import { authorize, type AuthTable } from "./auth.ts";
import { anonymous, identify, type Identity } from "./identity.ts";
import { StatusError, toStatus } from "./errors.ts";

/** Why a call does not reach its handler. */
interface Refusal {
  readonly reason: LabelsOf<"decorum_rpc_server_refused_calls_total">["reason"];
  readonly error: StatusError;
}

/** Milliseconds after which a client that met a draining server tries the next one. */
const drainPushbackMs = 100;

/**
 * Where every call passes before its handler: refused while the server drains, refused without the right
 * identity, counted while it runs. Probes pass always and are not counted.
 */
export class Gate {
  /** Undefined: everybody may call everything. */
  readonly #table: AuthTable | undefined;
  readonly #metrics: Metrics | undefined;
  readonly #identities = new WeakMap<grpc.Metadata, Identity>();
  readonly #active = new Map<string, number>();
  #refusing = false;
  #onIdle: (() => void)[] = [];

  constructor(table: AuthTable | undefined, metrics: Metrics | undefined) {
    this.#table = table;
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
        const identity = identify(certificate, metadata, this.#table?.tokens ?? {});
        const refusal = this.#refusal(method, identity);
        if (refusal) {
          const { code, details, metadata: trailers } = toStatus(refusal.error);
          this.#metrics?.add("decorum_rpc_server_refused_calls_total", 1, {
            rpc_method: method,
            reason: refusal.reason,
          });
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

  #refusal(method: string, identity: Identity): Refusal | undefined {
    if (this.#refusing) {
      const error = new StatusError("UNAVAILABLE", "the server is draining", {
        pushbackMs: drainPushbackMs,
      });
      return { reason: "draining", error };
    }
    if (this.#table === undefined) return undefined;
    switch (authorize(this.#table, method, identity)) {
      case "allowed":
        return undefined;
      case "unauthenticated": {
        const text = `${method} needs a client certificate with a SPIFFE id, or a bearer token`;
        return { reason: "unauthenticated", error: new StatusError("UNAUTHENTICATED", text) };
      }
      case "denied": {
        const text = `${identity.name} may not call ${method}`;
        return { reason: "denied", error: new StatusError("PERMISSION_DENIED", text) };
      }
    }
  }

  #count(method: string, by: number): void {
    const now = (this.#active.get(method) ?? 0) + by;
    this.#active.set(method, now);
    this.#metrics?.set("decorum_rpc_server_active_calls", now, { rpc_method: method });
    if (this.active > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}
