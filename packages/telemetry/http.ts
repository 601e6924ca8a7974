import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Metrics } from "./metrics.ts";

interface TelemetryServerOptions {
  /** Host to listen on; default "127.0.0.1". */
  readonly host?: string;
  /** Port; 0 takes a free one. Default 9464, where Prometheus looks for OpenTelemetry. */
  readonly port?: number;
  readonly metrics: Metrics;
  /** True while the process can serve; said by /healthz. */
  readonly healthy: () => boolean;
}

/** An open server of telemetry. */
export interface TelemetryServer {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves `/metrics` (OpenMetrics) and `/healthz` (200 "serving" or 503 "not serving") over plain HTTP.
 *
 * @throws Error when the port cannot be opened.
 */
export async function serveTelemetry(options: TelemetryServerOptions): Promise<TelemetryServer> {
  const { host = "127.0.0.1", port = 9464, metrics, healthy } = options;
  const server = createServer((request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return answer(response, 405, "text/plain", "GET only\n");
    }
    switch (new URL(request.url ?? "/", "http://localhost").pathname) {
      case "/metrics":
        metrics.render().then(
          ({ contentType, body }) => answer(response, 200, contentType, body),
          () => answer(response, 500, "text/plain", "metrics could not be rendered\n"),
        );
        return;
      case "/healthz":
        return healthy()
          ? answer(response, 200, "text/plain", "serving\n")
          : answer(response, 503, "text/plain", "not serving\n");
      default:
        return answer(response, 404, "text/plain", "/metrics or /healthz\n");
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: Error) => {
      reject(
        new Error(
          `Cannot serve telemetry on ${host}:${port}: ${cause.message}. ` +
            `End the process that holds the port, or choose another (0 takes a free one)`,
          { cause },
        ),
      );
    });
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  const shown = host.includes(":") ? `[${host}]` : host;
  return {
    port: bound,
    url: `http://${shown}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type });
  response.end(body);
}
