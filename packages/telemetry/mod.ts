export { createLogger, type LogFields, type Logger, logLevels } from "./logger.ts";
export { createMetrics, type LabelsOf, type Metrics } from "./metrics.ts";
export { type LabelValues, type MetricDeclaration, metricType, metricUnit } from "./declaration.ts";
export { metricGroups, metricNames } from "./names.ts";
export { type OtlpSink, type SpanNode, startOtlpSink } from "./otlp_sink.ts";
export { batchSpan, inSpan, pastSpan, recordError, rpcAttributes, tracingOn } from "./spans.ts";
export { startTelemetry } from "./telemetry.ts";
export { startTracing, type Tracing } from "./tracer.ts";
