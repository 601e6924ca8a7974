import { InputError } from "@decorum/tensor";
import {
  ChannelCredentials,
  type ChannelOptions,
  credentials,
  ServerCredentials,
  type VerifyOptions,
} from "@grpc/grpc-js";
import type { Buffer } from "node:buffer";
import { createPublicKey, X509Certificate } from "node:crypto";
import { accessSync, constants } from "node:fs";
import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { hostPort } from "./address.ts";
import { spiffeId } from "./identity.ts";
import { ReloadedFiles, type ReloadHost } from "./reloaded_files.ts";

/** PEM files of one side of a connection. */
interface PemFiles {
  /** Authorities that sign the other side. */
  readonly caFile: string;
  /** Chain of this side, its own certificate first; absent for a client that shows none. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** What the files hold. */
interface Pem {
  readonly ca: Buffer;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

interface ReloadedPemOptions extends ReloadHost {
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

/** Certificates of a server. Files that change are read again: connections made from then on get the new ones. */
export interface ServerTls extends Required<PemFiles> {
  /** "require": callers without a certificate are not let in. "accept": they may show a token instead. */
  readonly clients: "require" | "accept";
  /** Milliseconds between two looks at the files; default 5000. */
  readonly reloadMs?: number;
}

/** Certificates of a client. Files that change are read again: connections made from then on get the new ones. */
export interface ClientTls extends PemFiles {
  /** Name that the server's certificate must hold, instead of the address's host. */
  readonly serverName?: string;
  /** SPIFFE id that the server's certificate must hold, instead of a name. */
  readonly serverIdentity?: string;
  /** Milliseconds between two looks at the files; default 5000. */
  readonly reloadMs?: number;
}

/** As `ServerCredentials.createSsl`, which can neither ask without insisting nor read its files again. */
export class TlsServerCredentials extends ServerCredentials implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;

  /** @throws InputError, Error as {@link reloadedPem} */
  constructor({ clients, reloadMs, ...files }: ServerTls, host: ReloadHost) {
    const everyMs = reloadMs ?? 5000;
    const pem = reloadedPem(files, { side: "server", everyMs, ...host });
    super(
      { requestCert: true, rejectUnauthorized: clients === "require", minVersion: "TLSv1.2" },
      contextOptions(pem),
    );
    this.#timer = setInterval(() => {
      if (pem.look()) this.updateSecureContextOptions(contextOptions(pem));
    }, everyMs);
    this.#timer.unref();
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function contextOptions({ value: { ca, cert, key } }: ReloadedFiles<Pem>) {
  return { ca, cert: cert!, key: key! };
}

/** Reads a client's files as a connection would. @throws InputError, Error as {@link reloadedPem} */
export function checkClientTls(tls: ClientTls): void {
  reloadedPem(tls, { side: "client" });
}

/** What a client needs to open TLS connections. */
interface ClientSecurity {
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
}

/**
 * Credentials and channel options of a client of `address`.
 *
 * @throws InputError, Error as {@link reloadedPem}
 */
export function clientSecurity(
  tls: ClientTls | undefined,
  address: string,
  host: ReloadHost = {},
): ClientSecurity {
  if (tls === undefined) return { credentials: credentials.createInsecure(), options: {} };
  const { serverName, serverIdentity, reloadMs, ...files } = tls;
  const ip = serverName === undefined ? addressIp(address) : undefined;
  const check = serverIdentity !== undefined
    ? (certificate: PeerCertificate) => checkSpiffeId(certificate, serverIdentity)
    : ip !== undefined
    ? (certificate: PeerCertificate) => checkServerIdentity(ip, certificate)
    : undefined;
  // TLS has no server name for an IP address, but grpc-js sends one, and Deno refuses that.
  const sent = serverName ?? (ip === undefined ? undefined : "address.invalid");
  const everyMs = reloadMs ?? 5000;
  return {
    credentials: new TlsChannelCredentials(
      reloadedPem(files, { side: "client", everyMs, ...host }),
      check === undefined
        ? {}
        : { checkServerIdentity: (_host, certificate) => check(certificate) },
    ),
    options: sent === undefined ? {} : { "grpc.ssl_target_name_override": sent },
  };
}

type CreateConnector = ChannelCredentials["_createSecureConnector"];

/** As `ChannelCredentials.createSsl`, with the files as they are when a connection is made. */
class TlsChannelCredentials extends ChannelCredentials {
  constructor(readonly pem: ReloadedFiles<Pem>, readonly verify: VerifyOptions) {
    super();
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    ...[target, options, callCredentials]: Parameters<CreateConnector>
  ): ReturnType<CreateConnector> {
    const connector = () => {
      const { ca, cert, key } = this.pem.value;
      return ChannelCredentials.createSsl(ca, key ?? null, cert ?? null, this.verify)
        ._createSecureConnector(target, options, callCredentials);
    };
    const first = connector();
    return {
      connect: (socket) => connector().connect(socket),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => first.getCallCredentials(),
      destroy: () => {},
    };
  }
}

function checkSpiffeId(certificate: PeerCertificate, expected: string): Error | undefined {
  const id = spiffeId(certificate);
  if (id === expected) return undefined;
  return new Error(`the server is ${id ?? "without a SPIFFE id"}, expected ${expected}`);
}

function addressIp(address: string): string | undefined {
  const host = hostPort(address.replace(/^ipv[46]:/, ""))?.host;
  return host !== undefined && isIP(host) !== 0 ? host : undefined;
}
