import {
  type CallConfig,
  ConfigError,
  type ServerSecurityConfig,
  type ServiceName,
} from "@decorum/settings";
import {
  Authorizer,
  type AuthTable,
  checkAuthTable,
  checkClientTls,
  checkTransport,
  type ClientOptions,
  reloadedPem,
  type ServerTls,
  spiffeName,
  tokenFile,
  tokensFile,
} from "@decorum/rpc";
import type { Logger, Metrics } from "@decorum/telemetry";
import { allMethods, methodTable } from "./method_table.ts";

/** Where changes of credentials and refused calls are logged and counted. */
interface SecurityHost {
  readonly logger: Logger;
  readonly metrics?: Metrics;
}

/** How a process lets callers in, at all its doors. */
export interface ServerSecurity {
  /** Undefined: plaintext. */
  readonly tls: ServerTls | undefined;
  readonly authorizer: Authorizer;
}

/**
 * How a service lets callers in. Without certificates and tokens nobody can prove who they are, so everybody may
 * call everything; the address is then loopback, or `insecure` was said.
 *
 * @param section name of the section, for messages
 * @throws ConfigError for plaintext where others could read it, a table that names no method, or files that
 *   cannot be read
 */
export function serverSecurity(
  config: ServerSecurityConfig & { readonly listen: string },
  section: string,
  host: SecurityHost,
): ServerSecurity {
  const { tls, tokens, authorization, trust_domain: trustDomain } = config;
  settings(section, () => {
    checkTransport("listen on", config.listen, {
      tls: tls ?? undefined,
      insecure: config.insecure,
    });
  });
  if (tls === null && tokens === null) {
    if (Object.keys(authorization).length > 0) {
      throw new ConfigError([
        `${section}.authorization names identities, but nobody can prove one: expected ${section}.tls or ${section}.tokens too`,
      ]);
    }
    return { tls: undefined, authorizer: new Authorizer("open", host) };
  }
  return settings(section, () => {
    checkAuthTable({ allow: authorization }, allMethods);
    const allow = Object.fromEntries(
      Object.entries({ ...methodTable, ...authorization }).map((
        [method, names],
      ) => [method, names.map((name) => spiffeName(name, trustDomain))]),
    );
    const table: AuthTable = tokens === null
      ? { allow }
      : { allow, tokens: tokensFile(tokens, trustDomain, host) };
    const files = tls && { certFile: tls.cert, keyFile: tls.key, caFile: tls.ca };
    if (files) reloadedPem(files, { side: "server" });
    return {
      tls: files ? { ...files, clients: tokens === null ? "require" : "accept" } : undefined,
      authorizer: new Authorizer(table, host),
    };
  });
}

/** How services are called: what `createClient` needs beside the address. */
export type CallSecurity = (
  peer: ServiceName,
) => Pick<ClientOptions, "tls" | "token" | "insecure" | "logger">;

/**
 * How a process calls the services.
 *
 * @param section name of the section, for messages
 * @throws ConfigError for files that cannot be read or do not fit together
 */
export function callSecurity(
  config: CallConfig,
  section: string,
  host: Partial<SecurityHost> = {},
): CallSecurity {
  const { insecure, client_tls: tls, token_file, trust_domain: trustDomain } = config;
  const token = token_file === null
    ? undefined
    : settings(section, () => tokenFile(token_file, host));
  const common = {
    insecure,
    ...(token === undefined ? {} : { token }),
    ...(host.logger === undefined ? {} : { logger: host.logger }),
  };
  if (tls === null) return () => common;
  const { ca, cert, key, verify } = tls;
  const files = {
    caFile: ca,
    ...(cert === null || key === null ? {} : { certFile: cert, keyFile: key }),
  };
  settings(section, () => checkClientTls(files));
  return (peer) => ({
    ...common,
    tls: verify === "host" ? files : { ...files, serverIdentity: spiffeName(peer, trustDomain) },
  });
}

/** What is wrong with files that a setting names is wrong with the configuration. */
function settings<T>(section: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new ConfigError([`${section}: ${(error as Error).message}`]);
  }
}
