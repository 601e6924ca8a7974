import { serveTelemetry, type TelemetryServer } from "./http.ts";
import { createLogger, type Logger, type LogLevel } from "./logger.ts";
import { createMetrics, type Metrics, noMetrics, observeEventLoop } from "./metrics.ts";
import { startTracing, type Tracing } from "./tracer.ts";

interface TelemetryOptions {
  readonly service: string;
  readonly version: string;
  readonly logLevel?: LogLevel;
  readonly logFormat?: "json" | "text";
  /** Whether prompts and completions may be logged; default false. */
  readonly logTexts?: boolean;
  /** Base URL of an OTLP http collector; absent or empty: no traces. */
  readonly otlpEndpoint?: string | undefined;
  /** Share of traces that are kept, in [0, 1]; default 1. */
  readonly sampleRatio?: number;
  /** Milliseconds between exports of spans; default 5000. */
  readonly exportDelayMs?: number | undefined;
  /** "host" and port of `/metrics` and `/healthz`; absent: not served, and none are kept. Port 0 takes a free one. */
  readonly http?: { readonly host?: string; readonly port: number } | undefined;
  /** Whether the process can serve, for `/healthz`. */
  readonly healthy: () => boolean;
}

/** Everything a service needs to tell of itself. */
interface Telemetry {
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
 * @throws InputError for an endpoint that is no URL, Error when the port cannot be opened.
 */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const { service, version, logLevel, logFormat } = options;
  const metrics = options.http ? createMetrics({ service, version }) : noMetrics;
  const logger = createLogger({
    service,
    texts: options.logTexts ?? false,
    onEntry: (level) => {
      if (level === "warn" || level === "error") {
        metrics.add("decorum_log_entries_total", 1, { level });
      }
    },
    ...(logLevel === undefined ? {} : { level: logLevel }),
    ...(logFormat === undefined ? {} : { format: logFormat }),
  });
  metrics.onRender(() => metrics.set("decorum_serving", options.healthy() ? 1 : 0, {}));
  const http = options.http &&
    await serveTelemetry({ ...options.http, metrics, healthy: options.healthy });
  try {
    const endpoint = options.otlpEndpoint;
    const { sampleRatio = 1, exportDelayMs } = options;
    const tracing = await startTracing({
      service,
      version,
      endpoint,
      sampleRatio,
      ...(exportDelayMs === undefined ? {} : { delayMs: exportDelayMs }),
      logger,
      metrics,
    });
    const endWatch = http ? observeEventLoop(metrics) : () => {};
    return {
      logger,
      metrics,
      tracing,
      http,
      async close() {
        endWatch();
        await Promise.all([tracing.shutdown(), http?.close()]);
      },
    };
  } catch (error) {
    await http?.close();
    throw error;
  }
}
