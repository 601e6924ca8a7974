import {
  type ChannelCredentials,
  type ChannelOptions,
  credentials,
  ServerCredentials,
} from "@grpc/grpc-js";
import type { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { hostPort } from "./address.ts";
import { spiffeId } from "./identity.ts";

/** Certificates of a server, as PEM files. */
export interface ServerTls {
  /** Chain of the server, its own certificate first. */
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities that sign clients. */
  readonly caFile: string;
  /** "require": callers without a certificate are not let in. "accept": they may show a token instead. */
  readonly clients: "require" | "accept";
}

/** Certificates of a client, as PEM files. */
export interface ClientTls {
  /** Authorities that sign servers. */
  readonly caFile: string;
  /** Chain of the client; absent: it shows none. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Name that the server's certificate must hold, instead of the address's host. */
  readonly serverName?: string;
  /** SPIFFE id that the server's certificate must hold, instead of a name. */
  readonly serverIdentity?: string;
}

/** @throws Error when a file cannot be read, naming the option. */
export function serverCredentials(tls: ServerTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  return new TlsServerCredentials(tls);
}

/** As `ServerCredentials.createSsl`, which cannot ask for a certificate without insisting on it. */
class TlsServerCredentials extends ServerCredentials {
  constructor({ caFile, certFile, keyFile, clients }: ServerTls) {
    super(
      { requestCert: true, rejectUnauthorized: clients === "require", minVersion: "TLSv1.2" },
      {
        ca: pem(caFile, "caFile"),
        cert: pem(certFile, "certFile"),
        key: pem(keyFile, "keyFile"),
      },
    );
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

/** What a client needs to open TLS connections. */
export interface ClientSecurity {
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
}

/**
 * Credentials and channel options of a client of `address`.
 *
 * @throws Error when a file cannot be read, TypeError for a certificate without key or the reverse.
 */
export function clientSecurity(tls: ClientTls | undefined, address: string): ClientSecurity {
  if (tls === undefined) return { credentials: credentials.createInsecure(), options: {} };
  const { caFile, certFile, keyFile, serverName, serverIdentity } = tls;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new TypeError("Cannot use the client's TLS: certFile and keyFile come together");
  }
  const ip = serverName === undefined ? addressIp(address) : undefined;
  const check = serverIdentity !== undefined
    ? (certificate: PeerCertificate) => checkSpiffeId(certificate, serverIdentity)
    : ip !== undefined
    ? (certificate: PeerCertificate) => checkServerIdentity(ip, certificate)
    : undefined;
  // TLS has no server name for an IP address, but grpc-js sends one, and Deno refuses that.
  const sent = serverName ?? (ip === undefined ? undefined : "address.invalid");
  return {
    credentials: credentials.createSsl(
      pem(caFile, "caFile"),
      keyFile === undefined ? null : pem(keyFile, "keyFile"),
      certFile === undefined ? null : pem(certFile, "certFile"),
      check === undefined
        ? {}
        : { checkServerIdentity: (_host, certificate) => check(certificate) },
    ),
    options: sent === undefined ? {} : { "grpc.ssl_target_name_override": sent },
  };
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

function pem(file: string, option: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new Error(`Cannot read tls.${option} ${file}: ${(cause as Error).message}`, { cause });
  }
}
