import { serveTelemetry, type TelemetryServer } from "./http.ts";
import { createLogger, type Logger, type LogLevel } from "./logger.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { startTracing, type Tracing } from "./tracer.ts";

export interface TelemetryOptions {
  readonly service: string;
  readonly version: string;
  readonly logLevel?: LogLevel;
  readonly logFormat?: "json" | "text";
  /** Base URL of an OTLP http collector; absent or empty: no traces. */
  readonly otlpEndpoint?: string | undefined;
  /** "host" and port of `/metrics` and `/healthz`; absent: not served. Port 0 takes a free one. */
  readonly http?: { readonly host?: string; readonly port: number } | undefined;
  /** Whether the process can serve, for `/healthz`. */
  readonly healthy: () => boolean;
}

/** Everything a service needs to tell of itself. */
export interface Telemetry {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  /** Undefined where it is not served. */
  readonly http: TelemetryServer | undefined;
  /** Sends what waits and closes; takes two seconds at the longest. Call it last. */
  close(): Promise<void>;
}

/**
 * Starts logs, metrics and traces of a process.
 *
 * @throws TypeError for an endpoint that is no URL, Error when the port cannot be opened.
 */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const { service, version, logLevel, logFormat } = options;
  const logger = createLogger({
    service,
    ...(logLevel === undefined ? {} : { level: logLevel }),
    ...(logFormat === undefined ? {} : { format: logFormat }),
  });
  const metrics = createMetrics({ service, version });
  const http = options.http &&
    await serveTelemetry({ ...options.http, metrics, healthy: options.healthy });
  try {
    const endpoint = options.otlpEndpoint;
    const tracing = await startTracing({ service, version, endpoint, logger, metrics });
    return {
      logger,
      metrics,
      tracing,
      http,
      async close() {
        await Promise.all([tracing.shutdown(), http?.close()]);
      },
    };
  } catch (error) {
    await http?.close();
    throw error;
  }
}
