import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "@decorum/settings";
import { holders, identityOf } from "./files.ts";
import { createAuthority, issueCertificate, type KeyedCertificate } from "./issue.ts";

export interface CertificatesOptions {
  readonly folder: string;
  /** The identities begin with it. */
  readonly trustDomain: string;
  /** Further DNS names and IP addresses of the services. */
  readonly hosts: readonly string[];
  readonly days: number;
  readonly now: Date;
}

/**
 * Writes a certificate with its key for every holder, for development. An authority that is in the folder signs
 * them; where there is none, one is made. Keys can be read by their owner alone.
 *
 * @returns whether a new authority was made
 * @throws ConfigError when half of an authority is there
 */
export async function writeCertificates(
  { folder, trustDomain, hosts, days, now }: CertificatesOptions,
): Promise<{ readonly newAuthority: boolean }> {
  const validity = { from: now, days };
  mkdirSync(folder, { recursive: true });
  const found = readAuthority(folder);
  const authority = found ??
    await createAuthority(`decorum development (${trustDomain})`, validity);
  if (!found) write(folder, "ca", authority);
  for (const holder of holders) {
    const own = holder === "operator" || holder === "client"
      ? []
      : ["localhost", "127.0.0.1", "::1", holder, ...hosts];
    const names = [identityOf(holder, trustDomain), ...own];
    write(folder, holder, await issueCertificate(authority, holder, names, validity));
  }
  return { newAuthority: found === undefined };
}

function readAuthority(folder: string): KeyedCertificate | undefined {
  const [cert, key] = [join(folder, "ca.pem"), join(folder, "ca.key")];
  if (existsSync(cert) !== existsSync(key)) {
    throw new ConfigError([
      `--out is "${folder}": it has one of ca.pem and ca.key, expected both, or neither for a new authority`,
    ]);
  }
  if (!existsSync(cert)) return undefined;
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

function write(folder: string, name: string, { cert, key }: KeyedCertificate): void {
  writeFileSync(join(folder, `${name}.key`), key, { mode: 0o600 });
  writeFileSync(join(folder, `${name}.pem`), cert);
}
