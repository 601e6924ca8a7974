import { type OtlpSink, startOtlpSink, startTracing, type Tracing } from "@decorum/telemetry";

/** Runs a test with tracing on, and a sink that shows the spans of this process. */
export async function traced(
  test: (sink: OtlpSink, tracing: Tracing) => Promise<void>,
): Promise<void> {
  const sink = await startOtlpSink();
  const tracing = await startTracing({
    service: "test",
    version: "0",
    endpoint: sink.url,
    delayMs: 10,
  });
  try {
    await test(sink, tracing);
  } finally {
    await tracing.shutdown();
    await sink.close();
  }
}
