import { isSpanContextValid, trace } from "@opentelemetry/api";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import process from "node:process";
import type { LabelValues, MetricDeclaration } from "./declaration.ts";
import { metricNames } from "./names.ts";
import { LabelGuard } from "./label_guard.ts";

type Names = typeof metricNames;
type ValueOf<V> = V extends readonly (infer T extends string)[] ? T
  : V extends LabelValues ? string
  : never;
/** Labels of a metric: each of its declared names, with a value of its list where it has one. */
export type LabelsOf<N extends keyof Names> = Names[N] extends { readonly labels: infer L }
  ? { readonly [K in keyof L]: ValueOf<L[K]> }
  : Readonly<Record<never, never>>;
type CounterName = keyof Names & `${string}_total`;
type HistogramName = {
  [N in keyof Names]: Names[N] extends { readonly buckets: readonly number[] } ? N : never;
}[keyof Names];
type GaugeName = Exclude<keyof Names, CounterName | HistogramName>;

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
  /** Calls `collect` before every exposition: for gauges that nobody else keeps up to date. */
  onRender(collect: () => void | Promise<void>): void;
  /**
   * Takes the series of a run that has ended away after `afterMs` (default 15 minutes, for the last scrapes),
   * unless it continues before.
   */
  endRun(runId: string, afterMs?: number): void;
  /** The exposition in OpenMetrics 1.0. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Metrics of a process that shows none: every call does nothing. */
export const noMetrics: Metrics = {
  add: () => {},
  set: () => {},
  observe: () => {},
  onRender: () => {},
  endRun: () => {},
  render: () =>
    Promise.resolve({ contentType: Registry.OPENMETRICS_CONTENT_TYPE, body: "# EOF\n" }),
};

const END_OF_RUN_MS = 15 * 60_000;

type OpenMetrics = Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>;

/** Makes an empty set of metrics and declares what runs in `decorum_build_info`. */
export function createMetrics(build: { service: string; version: string }): Metrics {
  const registry: OpenMetrics = new Registry();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  const collectors: (() => void | Promise<void>)[] = [];
  const guard = new LabelGuard(({ name, labels }) => gauges.get(name)?.remove({ ...labels }));

  const ending = new Map<string, NodeJS.Timeout>();
  /** A run that was over continues. */
  const keepRun = (runId: string | undefined): void => {
    if (runId === undefined) return;
    clearTimeout(ending.get(runId));
    ending.delete(runId);
  };

  /** Records under labels that are bounded, or counts what is left out. */
  const record = <N extends keyof Names>(
    name: N,
    labels: LabelsOf<N>,
    take: (labels: Record<string, string>) => void,
  ): void => {
    const kept = guard.accept(name, labels);
    if (kept !== undefined) take(kept);
    else metrics.add("decorum_telemetry_dropped_series_total", 1, {});
  };

  const metrics: Metrics = {
    add(name, value, labels) {
      const counter = once(counters, name, () => new Counter(settings(name, registry)));
      record(name, labels, (kept) => counter.inc({ labels: kept, value, ...exemplar() }));
    },
    set(name, value, labels) {
      const gauge = once(gauges, name, () => {
        const { enableExemplars: _, ...config } = settings(name, registry);
        return new Gauge(config);
      });
      record(name, labels, (kept) => {
        if (ending.size > 0) keepRun(kept["run_id"]);
        gauge.set(kept, value);
      });
    },
    observe(name, value, labels) {
      const histogram = once(histograms, name, () => {
        const buckets = [...metricNames[name].buckets];
        return new Histogram({ ...settings(name, registry), buckets });
      });
      record(name, labels, (kept) => histogram.observe({ labels: kept, value, ...exemplar() }));
    },
    onRender: (collect) => void collectors.push(collect),
    endRun(runId, afterMs = END_OF_RUN_MS) {
      keepRun(runId);
      const timer = setTimeout(() => {
        ending.delete(runId);
        guard.forget(runId);
      }, afterMs);
      ending.set(runId, timer.unref());
    },
    async render() {
      // One that fails must not hide all the others.
      await Promise.allSettled(collectors.map(async (collect) => await collect()));
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };

  const deno = process.versions["deno"];
  const runtime = deno === undefined ? `node ${process.versions.node}` : `deno ${deno}`;
  metrics.set("decorum_build_info", 1, { ...build, runtime });
  observeProcess(metrics);
  return metrics;
}

function settings(name: keyof Names, registry: OpenMetrics) {
  const { help, labels = {} }: MetricDeclaration = metricNames[name];
  const labelNames = Object.keys(labels);
  return { name, help, labelNames, registers: [registry], enableExemplars: true };
}

function once<T>(made: Map<string, T>, name: string, make: () => T): T {
  let found = made.get(name);
  if (found === undefined) made.set(name, found = make());
  return found;
}

const noExemplar = {};

function exemplar(): { exemplarLabels?: { trace_id: string; span_id: string } } {
  const span = trace.getActiveSpan()?.spanContext();
  if (!span || !isSpanContextValid(span) || (span.traceFlags & 1) === 0) return noExemplar;
  return { exemplarLabels: { trace_id: span.traceId, span_id: span.spanId } };
}

/** What every process tells of itself: CPU time, memory, asked at every exposition. */
function observeProcess(metrics: Metrics): void {
  metrics.set("process_start_time_seconds", Date.now() / 1e3 - process.uptime(), {});
  let cpuSeconds = 0;
  metrics.onRender(() => {
    const { user, system } = process.cpuUsage();
    const now = (user + system) / 1e6;
    metrics.add("process_cpu_seconds_total", Math.max(0, now - cpuSeconds), {});
    cpuSeconds = now;
    const { rss, heapUsed } = process.memoryUsage();
    metrics.set("process_resident_memory_bytes", rss, {});
    metrics.set("decorum_process_heap_bytes", heapUsed, {});
  });
}

/** Milliseconds between two looks at the event loop. */
const LAG_EVERY_MS = 500;

/** Watches how late timers of this thread come. @returns what ends it */
export function observeEventLoop(metrics: Metrics): () => void {
  let due = performance.now() + LAG_EVERY_MS;
  const timer = setInterval(() => {
    const now = performance.now();
    metrics.observe("decorum_event_loop_lag_seconds", Math.max(0, now - due) / 1000, {});
    due = now + LAG_EVERY_MS;
  }, LAG_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
