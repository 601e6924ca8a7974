import { z } from "zod";

/** Settings of who is let in; part of every service's section. */
export interface ServerSecurityConfig {
  readonly insecure: boolean;
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string } | null;
  readonly tokens: string | null;
  readonly trust_domain: string;
  readonly authorization: Readonly<Record<string, readonly string[]>>;
}

/** Settings of how other services are called; part of the sections of evaluator, trainer and `client`. */
export interface CallConfig {
  readonly insecure: boolean;
  readonly trust_domain: string;
  readonly client_tls: {
    readonly ca: string;
    readonly cert: string | null;
    readonly key: string | null;
    readonly verify: "identity" | "host";
  } | null;
  readonly token_file: string | null;
}

type Shape<T> = { readonly [K in keyof T]: z.ZodType<T[K]> };

const file = z.string().min(1);
const shared = {
  /** True: plaintext on, and to, addresses that are not loopback. */
  insecure: z.boolean().default(false),
  /** What comes first in the services' identities: spiffe://<trust_domain>/trainer. */
  trust_domain: z.string().regex(
    /^[a-z0-9._-]{1,255}$/,
    "expected lower-case letters, digits, dots, dashes and underscores",
  ).default("decorum"),
};

export const serverSecurityConfig: Shape<ServerSecurityConfig> = {
  ...shared,
  /** PEM files of the gRPC port; those that change are read again. Null: plaintext. */
  tls: z.strictObject({
    /** Chain of the service, its own certificate first; its URI name is its SPIFFE id. */
    cert: file,
    key: file,
    /** Authorities that sign callers. */
    ca: file,
  }).nullable().default(null),
  /** File of the tokens that stand in for a certificate, as `decorum token` writes it; null: none do. */
  tokens: file.nullable().default(null),
  /**
   * Identities by method ("package.Service/Method", "package.Service/*"): what takes the place of the built-in
   * table's entries. "client/a" is short for "spiffe://<trust_domain>/client/a".
   */
  authorization: z.record(z.string().regex(/^[\w.]+\/(\w+|\*)$/), z.array(z.string().min(1)))
    .default({}),
};

const calls = {
  ...shared,
  /** PEM files for calls; those that change are read again. Null: plaintext. */
  client_tls: z.strictObject({
    /** Authorities that sign the services. */
    ca: file,
    /** Certificate and key of the caller; null: it shows none. */
    cert: file.nullable().default(null),
    key: file.nullable().default(null),
    /**
     * What a service's certificate must hold. identity: spiffe://<trust_domain>/<service>; host: the name or IP
     * address under which it is called.
     */
    verify: z.enum(["identity", "host"]).default("identity"),
  }).refine(({ cert, key }) => (cert === null) === (key === null), {
    error: "expected cert and key together",
  }).nullable().default(null),
  /** File with the token that is sent with every call; null: none is. */
  token_file: file.nullable().default(null),
};

export const callConfig: Shape<CallConfig> = calls;

/** The section `client`: how the `decorum` command calls services. */
export const clientConfig: z.ZodType<CallConfig> = z.strictObject(calls).prefault({});
