import type { LabelsOf, Logger, Metrics } from "@decorum/telemetry";
import { authorize, type AuthTable } from "./auth.ts";
import { StatusError } from "./errors.ts";
import { type Caller, identify, type Identity } from "./identity.ts";

/** A call at any door of a process. */
export interface CallAttempt {
  /** As "decorum.reward.v1.RewardService/Score". */
  readonly method: string;
  /** Address of the caller. */
  readonly peer: string;
  readonly identity: Identity;
}

/** Who may come in, the same at every door of a process; refusals are counted and written to the audit log. */
export class Authorizer {
  readonly #table: AuthTable | "open";
  readonly #logger: Logger;
  readonly #metrics: Metrics | undefined;

  constructor(table: AuthTable | "open", host: { logger: Logger; metrics?: Metrics | undefined }) {
    this.#table = table;
    this.#logger = host.logger;
    this.#metrics = host.metrics;
  }

  /** Who a caller is, by what it shows. */
  identify(caller: Caller): Identity {
    const tokens = this.#table === "open" ? undefined : this.#table.tokens;
    return identify(caller, tokens?.() ?? []);
  }

  /**
   * Why a call is refused; undefined: it is allowed.
   *
   * @returns StatusError UNAUTHENTICATED or PERMISSION_DENIED
   */
  refusal({ method, peer, identity }: CallAttempt): StatusError | undefined {
    const reason = this.#table === "open" ? "allowed" : authorize(this.#table, method, identity);
    if (reason === "allowed") return undefined;
    this.count(method, reason);
    this.#logger.audit("call denied", {
      ...{ identity: identity.name, identity_by: identity.by, peer },
      ...{ rpc_method: method, outcome: reason },
    });
    return reason === "denied"
      ? new StatusError("PERMISSION_DENIED", `${identity.name} may not call ${method}`)
      : new StatusError(
        "UNAUTHENTICATED",
        `${method} needs a client certificate with a SPIFFE id, or a token`,
      );
  }

  /** Counts a refused call. */
  count(
    method: string,
    reason: LabelsOf<"decorum_rpc_server_refused_calls_total">["reason"],
  ): void {
    this.#metrics?.add("decorum_rpc_server_refused_calls_total", 1, { rpc_method: method, reason });
  }
}
