import type { LabelsOf, LogFields, Logger, Metrics } from "@decorum/telemetry";
import { InputError } from "@decorum/tensor";
import { StatusError, toStatus } from "./errors.ts";
import { type Caller, identify, type Identity, type TokenSource } from "./identity.ts";
import type { CallContext } from "./service.ts";

/**
 * Who may call what. What is not in the table is denied.
 *
 *     { allow: { "decorum.reward.v1.RewardService/*": ["*"],
 *                "decorum.policy.v1.PolicyService/CommitWeights": ["spiffe://decorum/trainer"] } }
 */
export interface AuthTable {
  /**
   * Identities by method ("package.Service/Method") or service ("package.Service/*"); the entry of a method
   * replaces that of its service. "*" stands for everybody whose identity is proved, and
   * "spiffe://decorum/client/*" for all below it.
   */
  readonly allow: Readonly<Record<string, readonly string[]>>;
  /** Tokens of callers without a certificate. */
  readonly tokens?: TokenSource;
}

/** The methods that tell nothing of the model or its users: open to probes. */
const openServices = ["grpc.health.v1.Health"];
/** Open to everybody whose identity is proved. */
const knownServices = [
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];

/** Why a call is refused, or "allowed". */
type AuthDecision = "allowed" | "unauthenticated" | "denied";

/** Decides on a call; `method` as "package.Service/Method". */
export function authorize(table: AuthTable, method: string, identity: Identity): AuthDecision {
  const service = method.slice(0, method.lastIndexOf("/"));
  if (openServices.includes(service)) return "allowed";
  if (identity.by === "nothing") return "unauthenticated";
  if (knownServices.includes(service)) return "allowed";
  const allowed = entry(table.allow, method) ?? entry(table.allow, `${service}/*`) ?? [];
  return allowed.some((name) => matches(name, identity.name)) ? "allowed" : "denied";
}

function matches(allowed: string, name: string): boolean {
  if (allowed === "*" || allowed === name) return true;
  return allowed.endsWith("/*") && name.startsWith(allowed.slice(0, -1));
}

function entry<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/**
 * Checks the names of a table against the methods that there are.
 *
 * @throws InputError for an entry that names no method: a spelling mistake would deny, or allow, in silence.
 */
export function checkAuthTable(table: AuthTable, methods: readonly string[]): void {
  const known = new Set(methods);
  for (const method of methods) known.add(method.slice(0, method.lastIndexOf("/")) + "/*");
  for (const name of Object.keys(table.allow)) {
    if (!known.has(name)) {
      throw new InputError(
        `Cannot use the table of methods: "${name}" is not served here. Served: ${
          methods.join(", ")
        }`,
      );
    }
  }
}

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

/** A call whose outcome goes into the audit log. */
interface AuditedCall<T> {
  readonly logger: Logger;
  readonly call: Pick<CallContext, "method" | "peer" | "identity">;
  /** What the call is about, as the run's id. */
  readonly fields: LogFields;
  /** What it came to, as the version that was made. */
  readonly describe?: (result: T) => LogFields;
}

/**
 * Does the work of a call and writes one line to the audit log: who called from where, what it was about, and
 * whether it was done, refused (with the reason) or failed. Inside a span the line carries its trace id.
 */
export async function audited<T>(
  { logger, call, fields, describe }: AuditedCall<T>,
  work: () => T | Promise<T>,
): Promise<T> {
  const { method, peer, identity } = call;
  const name = method.slice(method.lastIndexOf("/") + 1);
  const who = { identity: identity.name, identity_by: identity.by, peer, rpc_method: method };
  try {
    const result = await work();
    logger.audit(`${name} done`, { ...who, ...fields, ...describe?.(result), outcome: "done" });
    return result;
  } catch (error) {
    const { name: status, internal, details: reason } = toStatus(error);
    const outcome = internal ? "failed" : "refused";
    logger.audit(`${name} ${outcome}`, { ...who, ...fields, outcome, status, reason });
    throw error;
  }
}
