import { InputError } from "@decorum/tensor";
import type { Buffer } from "node:buffer";
import { createPublicKey, X509Certificate } from "node:crypto";
import { accessSync, constants } from "node:fs";
import { ReloadedFiles, type ReloadHost } from "./reloaded_files.ts";

/** PEM files of one side of a connection. */
export interface PemFiles {
  /** Authorities that sign the other side. */
  readonly caFile: string;
  /** Chain of this side, its own certificate first; absent for a client that shows none. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** What the files hold. */
export interface Pem {
  readonly ca: Buffer;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

export interface ReloadedPemOptions extends ReloadHost {
  readonly side: "server" | "client";
  readonly everyMs?: number;
}

/**
 * The files' contents, read again when they change; cert-manager renews a certificate while it is in use.
 *
 * @throws InputError for a certificate without key or the reverse; Error naming the file that cannot be read or
 *   holds no certificate, or a key that does not belong to the certificate
 */
export function reloadedPem(
  { caFile, certFile, keyFile }: PemFiles,
  { side, ...options }: ReloadedPemOptions,
): ReloadedFiles<Pem> {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new InputError(`Cannot use the ${side}'s TLS: certificate and key come together`);
  }
  const own = certFile === undefined || keyFile === undefined ? [] : [certFile, keyFile];
  const files = [caFile, ...own];
  for (const [i, file] of files.entries()) checkReadable(file, ["ca", "cert", "key"][i]!);
  return new ReloadedFiles<Pem>({
    ...options,
    kind: "certificate",
    files,
    parse([ca, cert, key]) {
      certificateOf(ca!, caFile);
      if (cert !== undefined && key !== undefined) {
        const certificate = certificateOf(cert, certFile!);
        checkKey(certificate, key, certFile!, keyFile!);
        const expires = Date.parse(certificate.validTo);
        options.metrics?.set("decorum_certificate_expiry_timestamp_seconds", expires / 1000, {
          side,
        });
        if (expires < Date.now()) {
          options.logger?.error("the certificate has expired", {
            file: certFile,
            expired: certificate.validTo,
          });
        }
      }
      return { ca: ca!, cert, key };
    },
  });
}

function checkReadable(file: string, option: string): void {
  try {
    accessSync(file, constants.R_OK);
  } catch (cause) {
    throw new InputError(`Cannot read tls.${option} ${file}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function certificateOf(pem: Buffer, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new InputError(`Cannot use ${file}: expected a certificate in PEM format`, { cause });
  }
}

function checkKey(certificate: X509Certificate, key: Buffer, certFile: string, keyFile: string) {
  const spki = { type: "spki", format: "der" } as const;
  let found: Buffer;
  try {
    found = createPublicKey(key).export(spki);
  } catch (cause) {
    throw new InputError(`Cannot use ${keyFile}: expected a private key in PEM format`, { cause });
  }
  if (found.equals(certificate.publicKey.export(spki))) return;
  throw new InputError(
    `Cannot use ${keyFile}: it is not the key of the certificate in ${certFile}`,
  );
}
