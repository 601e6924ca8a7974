import {
  type ChannelCredentials,
  credentials,
  experimental,
  ServerCredentials,
} from "@grpc/grpc-js";
import type { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
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
  const ca = pem(tls.caFile, "caFile");
  const identity = {
    certificate: pem(tls.certFile, "certFile"),
    privateKey: pem(tls.keyFile, "keyFile"),
  };
  if (tls.clients === "require") {
    return ServerCredentials.createSsl(
      ca,
      [{ cert_chain: identity.certificate, private_key: identity.privateKey }],
      true,
    );
  }
  // The only way in grpc-js to ask for a certificate without insisting on it.
  const provider: Parameters<typeof experimental.createCertificateProviderServerCredentials>[0] = {
    addCaCertificateListener: (listener) => listener({ caCertificate: ca }),
    removeCaCertificateListener: () => {},
    addIdentityCertificateListener: (listener) => listener(identity),
    removeIdentityCertificateListener: () => {},
  };
  return experimental.createCertificateProviderServerCredentials(provider, provider, false);
}

/** @throws Error when a file cannot be read, TypeError for a certificate without key or the reverse. */
export function clientCredentials(tls: ClientTls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    throw new TypeError("Cannot use the client's TLS: certFile and keyFile come together");
  }
  const { serverIdentity } = tls;
  return credentials.createSsl(
    pem(tls.caFile, "caFile"),
    tls.keyFile === undefined ? null : pem(tls.keyFile, "keyFile"),
    tls.certFile === undefined ? null : pem(tls.certFile, "certFile"),
    serverIdentity === undefined ? {} : {
      checkServerIdentity(_host, certificate) {
        const id = spiffeId(certificate);
        if (id === serverIdentity) return undefined;
        return new Error(
          `the server is ${id ?? "without a SPIFFE id"}, expected ${serverIdentity}`,
        );
      },
    },
  );
}

function pem(file: string, option: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new Error(`Cannot read tls.${option} ${file}: ${(cause as Error).message}`, { cause });
  }
}
