import { SpanStatusCode, trace } from "@opentelemetry/api";

/** Runs `work` in a span "run <session>" where somebody traces what asks for it; else just runs it. */
export async function inSessionSpan<T>(session: string, work: () => Promise<T>): Promise<T> {
  if (!trace.getActiveSpan()?.isRecording()) return await work();
  const span = trace.getTracer("decorum.runtime").startSpan(`run ${session}`);
  try {
    return await work();
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    span.setAttribute("error.type", name);
    span.setStatus({ code: SpanStatusCode.ERROR, message });
    throw error;
  } finally {
    span.end();
  }
}
