import { InputError } from "@decorum/tensor";
import type { Identity } from "./identity.ts";
import type { TokenSource } from "./tokens.ts";

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
export type AuthDecision = "allowed" | "unauthenticated" | "denied";

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
