import { resolve } from "node:path";
import process from "node:process";
import { loadSections, type ServiceName, serviceNames } from "@decorum/settings";
import { type CallSecurity, callSecurity } from "@decorum/service";
import { certificateFiles } from "./certificates/files.ts";
import { flag, type FlagValues, Problems, readFlags, text, toggle } from "./flags.ts";

export const trustDomain = text.default("decorum");

/** Options of every command that calls a service. */
export const connectionFlags = {
  tls: flag(
    "--tls <folder>",
    "use the certificates that `decorum certs` made there",
    text.optional(),
  ),
  tlsCa: flag("--tls-ca <file>", "the authorities that sign the services (PEM)", text.optional()),
  tlsCert: flag("--tls-cert <file>", "the certificate to show (PEM)", text.optional()),
  tlsKey: flag("--tls-key <file>", "its private key (PEM)", text.optional()),
  tlsVerify: flag(
    "--tls-verify <what>",
    "what a service's certificate must hold: identity, or host (the name that is called) (default: identity)",
    text.optional(),
  ),
  trustDomain: flag(
    "--trust-domain <name>",
    "what the services' identities begin with (default: decorum)",
    text.optional(),
  ),
  tokenFile: flag("--token-file <file>", "send the token in this file", text.optional()),
  insecure: flag("--insecure", "allow plaintext to addresses that are not loopback", toggle),
} as const;

export type ConnectionFlags = Partial<FlagValues<typeof connectionFlags>>;

/** The options of {@link connectionFlags} as they were given. @throws ConfigError for those that are wrong */
export function readConnection(given: Readonly<Record<string, unknown>>): ConnectionFlags {
  const problems = new Problems();
  const flags = readFlags(connectionFlags, given, problems);
  problems.throwIfAny();
  return flags;
}

/**
 * How services are called: by flags, else the environment, else the section `client` of the configuration.
 * A token may also be the environment's `DECORUM_TOKEN`.
 *
 * @throws ConfigError for settings that do not fit, or files that cannot be read
 */
export function connection(
  flags: ConnectionFlags,
  { config, set = [] }: { readonly config?: string | undefined; readonly set?: readonly string[] } =
    {},
): CallSecurity {
  const { client } = loadSections(["client"], {
    file: config,
    env: process.env,
    set: [...set.filter((one) => one.startsWith("client.")), ...clientSettings(flags)],
  });
  const call = callSecurity(client, "client");
  const token = process.env["DECORUM_TOKEN"];
  if (token === undefined || client.token_file !== null) return call;
  return (peer) => ({ ...call(peer), token });
}

/** The flags as settings of a section, as `--set` takes them; paths are absolute. */
export function clientSettings(flags: ConnectionFlags, section = "client"): string[] {
  const { tls, tlsCa, tlsCert, tlsKey, tlsVerify, trustDomain, tokenFile, insecure } = flags;
  const own = tls === undefined ? undefined : certificateFiles(tls, "operator");
  const file = (path: string | undefined) => path === undefined ? undefined : resolve(path);
  const settings: Readonly<Record<string, string | boolean | undefined>> = {
    "client_tls.ca": file(tlsCa ?? own?.ca),
    "client_tls.cert": file(tlsCert ?? own?.cert),
    "client_tls.key": file(tlsKey ?? own?.key),
    "client_tls.verify": tlsVerify,
    trust_domain: trustDomain,
    token_file: file(tokenFile),
    insecure: insecure || undefined,
  };
  return Object.entries(settings).flatMap(([name, value]) =>
    value === undefined ? [] : [`${section}.${name}=${JSON.stringify(value)}`]
  );
}

/** Settings of services that are started with the certificates of a folder, as `--set` takes them. */
export function serviceTls(
  folder: string | undefined,
  only: readonly ServiceName[] = serviceNames,
): string[] {
  if (folder === undefined) return [];
  const setting = (name: ServiceName, key: string) =>
    `${name}.${key}=${JSON.stringify(certificateFiles(resolve(folder), name))}`;
  return only.flatMap((name) => [
    setting(name, "tls"),
    ...(name === "evaluator" || name === "trainer" ? [setting(name, "client_tls")] : []),
  ]);
}
