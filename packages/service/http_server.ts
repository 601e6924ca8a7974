import {
  createServer as createPlainServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { hostPort, reloadedPem, type ServerTls } from "@decorum/rpc";
import type { Logger, Metrics } from "@decorum/telemetry";

/** Bounds of what a connection may take; times in milliseconds. */
const httpLimits: ServerOptions = {
  /** Until the headers of a request have come. */
  headersTimeout: 10_000,
  /** Until the whole of a request has come. */
  requestTimeout: 30_000,
  /** That a connection without a request stays. */
  keepAliveTimeout: 60_000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 16_384,
};

interface HttpServerOptions {
  /** "host:port"; port 0 takes a free one. */
  readonly address: string;
  /** Certificates, which are read again when their files change. Undefined: plaintext. */
  readonly tls: HttpTls | undefined;
  /** Connections that are open at once; default any number. */
  readonly maxConnections?: number;
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  readonly logger: Logger;
  readonly metrics?: Metrics;
}

/** Certificates of a door over HTTPS. "ignore": callers are not asked for a certificate, as browsers are not. */
export type HttpTls = Omit<ServerTls, "clients"> & {
  readonly clients: ServerTls["clients"] | "ignore";
};

/** An open server. */
interface HttpServer {
  /** As http://127.0.0.1:5000. */
  readonly url: string;
  /** Takes no more connections, and ends those that there are. */
  close(): Promise<void>;
}

/**
 * Opens a door over HTTP, or HTTPS, that slow and broken callers cannot hold open.
 *
 * @throws Error when the port cannot be opened; as `reloadedPem` for certificates
 */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { address, tls, maxConnections, onRequest } = options;
  const secure = tls && httpsServer(tls, options);
  const server: Server = secure?.server ?? createPlainServer(httpLimits);
  if (maxConnections !== undefined) server.maxConnections = maxConnections;
  server.on("request", onRequest);
  server.on("clientError", answerBadRequest);
  const port = await listen(server, address);
  const { host } = hostPort(address)!;
  return {
    url: `${secure ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`,
    async close() {
      secure?.stop();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function httpsServer(
  { clients, reloadMs, ...files }: HttpTls,
  { logger, metrics }: Pick<HttpServerOptions, "logger" | "metrics">,
): { readonly server: Server; stop(): void } {
  const everyMs = reloadMs ?? 5000;
  const host = { logger, ...(metrics ? { metrics } : {}) };
  const pem = reloadedPem(files, { side: "server", everyMs, ...host });
  const context = () => ({ ca: pem.value.ca, cert: pem.value.cert!, key: pem.value.key! });
  const server = createServer({
    ...httpLimits,
    ...context(),
    requestCert: clients !== "ignore",
    rejectUnauthorized: clients === "require",
    minVersion: "TLSv1.2",
  });
  const timer = setInterval(() => {
    if (pem.look()) server.setSecureContext(context());
  }, everyMs);
  timer.unref();
  return { server, stop: () => clearInterval(timer) };
}

function listen(server: Server, address: string): Promise<number> {
  const { host, port } = hostPort(address)!;
  return new Promise((resolve, reject) => {
    server.once("error", (cause: Error) =>
      reject(
        new Error(
          `Cannot listen on ${address}: ${cause.message}. ` +
            `End the process that holds the port, or choose another (0 takes a free one)`,
          { cause },
        ),
      ));
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

/** Answers what is no request of HTTP, or came too slowly, and closes the connection. */
function answerBadRequest(error: Error & { code?: string }, socket: Duplex): void {
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
