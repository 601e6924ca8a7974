import type { ServerOptions } from "node:http";
import { createServer, type Server } from "node:https";
import type { Duplex } from "node:stream";
import { reloadedPem, type ServerTls } from "@decorum/rpc";
import type { Logger, Metrics } from "@decorum/telemetry";

/** Bounds of what a connection may take; times in milliseconds. */
export const httpLimits: ServerOptions = {
  /** Until the headers of a request have come. */
  headersTimeout: 10_000,
  /** Until the whole of a request has come. */
  requestTimeout: 30_000,
  /** That a connection without a request stays. */
  keepAliveTimeout: 60_000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 16_384,
};

/** A server whose certificate is read again when its files change. */
export interface HttpsServer {
  readonly server: Server;
  /** Ends the looking at the files. */
  stop(): void;
}

/** The server of an HTTPS door, with the certificates of the gRPC port. Throws as `reloadedPem`. */
export function httpsServer(
  { clients, reloadMs, ...files }: ServerTls,
  host: { readonly logger: Logger; readonly metrics: Metrics },
): HttpsServer {
  const everyMs = reloadMs ?? 5000;
  const pem = reloadedPem(files, { side: "server", everyMs, ...host });
  const context = () => ({ ca: pem.value.ca, cert: pem.value.cert!, key: pem.value.key! });
  const server = createServer({
    ...httpLimits,
    ...context(),
    requestCert: true,
    rejectUnauthorized: clients === "require",
    minVersion: "TLSv1.2",
  });
  const timer = setInterval(() => {
    if (pem.look()) server.setSecureContext(context());
  }, everyMs);
  timer.unref();
  return { server, stop: () => clearInterval(timer) };
}

/** Answers what is no request of HTTP, or came too slowly, and closes the connection. */
export function answerBadRequest(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const [status, text] = error.code === "ERR_HTTP_REQUEST_TIMEOUT"
    ? ["408 Request Timeout", "the request came too slowly"]
    : error.code === "HPE_HEADER_OVERFLOW"
    ? ["431 Request Header Fields Too Large", "the headers are too long"]
    : ["400 Bad Request", "this is not a request of HTTP"];
  const body = JSON.stringify({ error: text }) + "\n";
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
}
