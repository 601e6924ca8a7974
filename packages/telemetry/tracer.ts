import { InputError } from "@decorum/tensor";
import { context, propagation, trace } from "@opentelemetry/api";
import process from "node:process";
import { randomUUID } from "node:crypto";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import { SpanQueue } from "./span_queue.ts";
import { setTracing } from "./spans.ts";

interface TracingOptions {
  /** `service.name` of every span. */
  readonly service: string;
  /** `service.version`. */
  readonly version: string;
  /** `service.instance.id`; default a random one. */
  readonly instance?: string;
  /** Base URL of an OTLP http collector, as "http://127.0.0.1:4318". Absent or empty: tracing is off. */
  readonly endpoint?: string | undefined;
  /** Share of root spans that are sampled, in [0, 1]; default 1. Children follow their parent. */
  readonly sampleRatio?: number;
  /** Spans that may wait for the collector; default 2048. */
  readonly maxQueued?: number;
  /** Milliseconds between exports; default 5000, as OpenTelemetry has it. */
  readonly delayMs?: number;
  /** Milliseconds after which an export has failed; default 5000. */
  readonly exportTimeoutMs?: number;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
}

/** Tracing of this process. */
export interface Tracing {
  /** False: nothing was set up, and spans of `@opentelemetry/api` do nothing. */
  readonly enabled: boolean;
  /** Spans lost so far. */
  readonly dropped: number;
  /** Sends what waits; returns after `timeoutMs` (default 2000) at the latest. */
  flush(timeoutMs?: number): Promise<void>;
  /** Sends what waits and takes tracing down; returns after `timeoutMs` (default 2000) at the latest. */
  shutdown(timeoutMs?: number): Promise<void>;
}

const dropLogIntervalMs = 60_000;

/**
 * Sets up OpenTelemetry for this process: `@opentelemetry/api` then makes spans, W3C context goes over the wire,
 * and spans leave as OTLP http/protobuf. A collector that is slow, dead or absent costs spans, never time.
 *
 * @throws InputError when `endpoint` is not an http or https URL, InputError when `sampleRatio` is not in [0, 1].
 */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  if (!options.endpoint) {
    const nothing = () => Promise.resolve();
    return { enabled: false, dropped: 0, flush: nothing, shutdown: nothing };
  }
  const url = collectorUrl(options.endpoint);
  const ratio = options.sampleRatio ?? 1;
  if (!(ratio >= 0 && ratio <= 1)) {
    throw new InputError(`Cannot trace with sampleRatio ${ratio}: expected a number in [0, 1]`);
  }
  // Loaded here, so that a process without tracing does not pay for the SDK.
  const [sdk, { OTLPTraceExporter }, { resourceFromAttributes }, contextHooks, core] = await Promise
    .all([
      import("@opentelemetry/sdk-trace"),
      import("@opentelemetry/exporter-trace-otlp-proto"),
      import("@opentelemetry/resources"),
      import("@opentelemetry/context-async-hooks"),
      import("@opentelemetry/core"),
    ]);

  let dropped = 0;
  let saidAt = -Infinity;
  const exportTimeoutMs = options.exportTimeoutMs ?? 5000;
  const queue = new SpanQueue({
    exporter: new OTLPTraceExporter({ url, timeoutMillis: exportTimeoutMs }),
    maxQueued: options.maxQueued ?? 2048,
    maxBatch: Math.min(512, options.maxQueued ?? 512),
    delayMs: options.delayMs ?? 5000,
    exportTimeoutMs,
    onSent: (spans) => options.metrics?.add("decorum_telemetry_exported_spans_total", spans, {}),
    onDrop(spans, reason, details) {
      dropped += spans;
      options.metrics?.add("decorum_telemetry_dropped_spans_total", spans, { reason });
      if (performance.now() - saidAt < dropLogIntervalMs) return;
      saidAt = performance.now();
      options.logger?.warn("spans dropped: is the OTLP collector up?", {
        ...{ url, dropped, reason, details },
      });
    },
  });
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      "service.name": options.service,
      "service.namespace": "decorum",
      "service.version": options.version,
      "service.instance.id": options.instance ?? randomUUID(),
      "process.pid": process.pid,
    }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [queue],
  });
  const manager = new contextHooks.AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(manager);
  propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  setTracing(true);

  return {
    enabled: true,
    get dropped() {
      return dropped;
    },
    flush: (timeoutMs = 2000) => within(timeoutMs, queue.forceFlush()),
    async shutdown(timeoutMs = 2000) {
      setTracing(false);
      await within(timeoutMs, provider.shutdown());
      trace.disable();
      context.disable();
      propagation.disable();
    },
  };
}

function collectorUrl(endpoint: string): string {
  const url = URL.parse(endpoint);
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new InputError(
      `Cannot send traces to endpoint ${JSON.stringify(endpoint)}: ` +
        `expected the base URL of an OTLP http collector, as "http://127.0.0.1:4318"`,
    );
  }
  return url.href.replace(/\/+$/, "") + "/v1/traces";
}

async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, timeoutMs));
  await Promise.race([work.catch(() => {}), late]);
  clearTimeout(timer);
}
