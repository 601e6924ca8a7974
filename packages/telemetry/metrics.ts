import { isSpanContextValid, trace } from "@opentelemetry/api";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import process from "node:process";
import { type MetricDeclaration, metricNames } from "./names.ts";

type Names = typeof metricNames;
type NamesOf<T> = { [N in keyof Names]: Names[N]["type"] extends T ? N : never }[keyof Names];
/** Labels of a metric: each of its declared names, no other. */
export type LabelsOf<N extends keyof Names> = Readonly<Record<Names[N]["labels"][number], string>>;
export type CounterName = NamesOf<"counter">;
export type GaugeName = NamesOf<"gauge">;
export type HistogramName = NamesOf<"histogram">;

/**
 * The process's metrics. A metric appears with its first value; names and labels are those of `names.ts`.
 * Counters and histograms carry the active span as exemplar where it is sampled.
 */
export interface Metrics {
  /** Adds `value`, 0 or more, to a counter. Adding 0 makes it appear. */
  add<N extends CounterName>(name: N, value: number, labels: LabelsOf<N>): void;
  /** Sets a gauge. */
  set<N extends GaugeName>(name: N, value: number, labels: LabelsOf<N>): void;
  /** Puts a value into a histogram. */
  observe<N extends HistogramName>(name: N, value: number, labels: LabelsOf<N>): void;
  /** The exposition in OpenMetrics 1.0. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Makes an empty set of metrics and declares what runs in `decorum_build_info`. */
export function createMetrics(build: { service: string; version: string }): Metrics {
  const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();

  const metrics: Metrics = {
    add(name, value, labels) {
      const counter = once(counters, name, () => new Counter(settings(name, registry)));
      counter.inc({ labels, value, ...exemplar() });
    },
    set(name, value, labels) {
      const { enableExemplars: _, ...config } = settings(name, registry);
      once(gauges, name, () => new Gauge(config)).set(labels, value);
    },
    observe(name, value, labels) {
      const { buckets } = metricNames[name];
      const histogram = once(
        histograms,
        name,
        () => new Histogram({ ...settings(name, registry), buckets: [...buckets] }),
      );
      histogram.observe({ labels, value, ...exemplar() });
    },
    async render() {
      observeProcess();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };

  let cpuSeconds = 0;
  function observeProcess(): void {
    const { user, system } = process.cpuUsage();
    const now = (user + system) / 1e6;
    metrics.add("process_cpu_seconds_total", Math.max(0, now - cpuSeconds), {});
    cpuSeconds = now;
    metrics.set("process_resident_memory_bytes", process.memoryUsage.rss(), {});
  }

  metrics.set("process_start_time_seconds", Date.now() / 1e3 - process.uptime(), {});
  const deno = process.versions["deno"];
  const runtime = deno === undefined ? `node ${process.versions.node}` : `deno ${deno}`;
  metrics.set("decorum_build_info", 1, { ...build, runtime });
  return metrics;
}

function settings(name: keyof Names, registry: Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>) {
  const { help, labels }: MetricDeclaration = metricNames[name];
  return { name, help, labelNames: [...labels], registers: [registry], enableExemplars: true };
}

function once<T>(made: Map<string, T>, name: string, make: () => T): T {
  const found = made.get(name) ?? make();
  made.set(name, found);
  return found;
}

function exemplar(): { exemplarLabels?: { trace_id: string; span_id: string } } {
  const span = trace.getActiveSpan()?.spanContext();
  if (!span || !isSpanContextValid(span) || (span.traceFlags & 1) === 0) return {};
  return { exemplarLabels: { trace_id: span.traceId, span_id: span.spanId } };
}
