export {
  type LabelValues,
  type MetricDeclaration,
  metricType,
  metricUnit,
} from "./declare_metric.ts";
export { createLogger, type LogFields, type Logger, type LogLevel, logLevels } from "./logger.ts";
export { createMetrics, type LabelsOf, type Metrics } from "./metrics.ts";
export { metricGroups, metricNames } from "./names.ts";
export { type OtlpSink, type SpanNode, startOtlpSink } from "./otlp_sink.ts";
export { rpcAttributes } from "./rpc_attributes.ts";
export { batchSpan, inSpan, pastSpan, recordError, tracingOn } from "./spans.ts";
export { startTelemetry } from "./telemetry.ts";
export { startTracing, type Tracing } from "./tracer.ts";
