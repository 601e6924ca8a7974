export {
  type Labels,
  type LabelValues,
  type MetricDeclaration,
  metricType,
  metricUnit,
} from "./declare_metric.ts";
export { serveTelemetry, type TelemetryServer, type TelemetryServerOptions } from "./http.ts";
export {
  createLogger,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  logLevels,
} from "./logger.ts";
export {
  type CounterName,
  createMetrics,
  type GaugeName,
  type HistogramName,
  type LabelsOf,
  type Metrics,
  noMetrics,
} from "./metrics.ts";
export { metricGroups, metricNames } from "./names.ts";
export { type OtlpSink, type SinkSpan, type SpanNode, startOtlpSink } from "./otlp_sink.ts";
export { rpcAttributes } from "./rpc_attributes.ts";
export { batchSpan, inSpan, pastSpan, recordError, type SpanSettings, tracingOn } from "./spans.ts";
export { startTelemetry, type Telemetry, type TelemetryOptions } from "./telemetry.ts";
export { startTracing, type Tracing, type TracingOptions } from "./tracer.ts";
