import {
  ChannelCredentials,
  type ChannelOptions,
  credentials,
  ServerCredentials,
  type VerifyOptions,
} from "@grpc/grpc-js";
import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { hostPort } from "./address.ts";
import { spiffeId } from "./identity.ts";
import { type Pem, type PemFiles, reloadedPem } from "./pem.ts";
import type { ReloadedFiles, ReloadHost } from "./reloaded_files.ts";

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
export interface ClientSecurity {
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
