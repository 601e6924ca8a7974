import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { createMetrics } from "./metrics.ts";
import { startOtlpSink } from "./otlp_sink.ts";
import { startTracing } from "./tracer.ts";

const base = { service: "policy", version: "1.0.0" };

Deno.test("off: nothing is set up and spans cost nothing", async () => {
  const tracing = await startTracing({ ...base, endpoint: "" });
  assert.equal(tracing.enabled, false);
  const span = trace.getTracer("t").startSpan("s");
  assert.equal(span.isRecording(), false);
  await tracing.shutdown();
});

Deno.test("spans arrive over OTLP with parents, links, attributes, kinds and status", async () => {
  const sink = await startOtlpSink();
  const tracing = await startTracing({ ...base, endpoint: sink.url + "/", delayMs: 10 });
  const tracer = trace.getTracer("t");
  const other = tracer.startSpan("other");
  other.end();
  await tracer.startActiveSpan("step", async (step) => {
    await Promise.resolve();
    const child = tracer.startSpan("batch", {
      kind: SpanKind.CLIENT,
      links: [{ context: other.spanContext() }],
      attributes: { text: "é", n: -3, x: 0.5, yes: true, list: ["a", "b"] },
    });
    child.setStatus({ code: SpanStatusCode.ERROR });
    child.end();
    step.end();
  });
  await tracing.flush();
  await sink.waitFor((spans) => spans.length === 3);
  const step = sink.tree().find(({ name }) => name === "step");
  assert.equal(step?.parentSpanId, "");
  const [batch] = step?.children ?? [];
  assert.equal(batch?.name, "batch");
  assert.equal(batch.kind, "client");
  assert.equal(batch.status, "error");
  assert.equal(batch.service, "policy");
  assert.deepEqual(batch.attributes, { text: "é", n: -3, x: 0.5, yes: true, list: ["a", "b"] });
  assert.deepEqual(batch.links, [{
    traceId: other.spanContext().traceId,
    spanId: other.spanContext().spanId,
  }]);
  assert(batch.start >= step.start && batch.end >= batch.start);
  assert.equal(tracing.dropped, 0);
  await tracing.shutdown();
  await sink.close();
  assert.equal(trace.getTracer("t").startSpan("after").isRecording(), false);
  assert.equal(trace.getActiveSpan(), undefined);
  assert.equal(context.active().getValue(Symbol()), undefined);
});

Deno.test("a collector that is away, or answers never, costs spans and no time", async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  for (const port of [1, (silent.address() as AddressInfo).port]) {
    const metrics = createMetrics(base);
    const tracing = await startTracing({
      ...base,
      endpoint: `http://127.0.0.1:${port}`,
      maxQueued: 50,
      delayMs: 5,
      exportTimeoutMs: 200,
      metrics,
    });
    for (let i = 0; i < 1000; i++) trace.getTracer("t").startSpan(`s${i}`).end();
    await tracing.shutdown(1000);
    assert(tracing.dropped >= 900, `${tracing.dropped} dropped`);
    const { body } = await metrics.render();
    const lost = [...body.matchAll(/^decorum_telemetry_dropped_spans_total\{.*?\} (\d+)/gm)];
    assert.equal(lost.reduce((sum, [, n]) => sum + Number(n), 0), tracing.dropped, body);
  }
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => silent.close(() => resolve()));
});

Deno.test("a sampling ratio of 0 sends nothing; bad settings are refused", async () => {
  const sink = await startOtlpSink();
  const tracing = await startTracing({ ...base, endpoint: sink.url, sampleRatio: 0 });
  trace.getTracer("t").startSpan("s").end();
  await tracing.shutdown();
  assert.equal(sink.spans.length, 0);
  await sink.close();
  await assert.rejects(startTracing({ ...base, endpoint: "localhost:4318" }), InputError);
  const endpoint = "http://127.0.0.1:1";
  await assert.rejects(startTracing({ ...base, endpoint, sampleRatio: 2 }), InputError);
});

Deno.test("the sink reads OTLP as JSON too, and refuses what it cannot read", async () => {
  const sink = await startOtlpSink();
  const post = (body: string, type = "application/json") =>
    fetch(`${sink.url}/v1/traces`, { method: "POST", body, headers: { "content-type": type } });
  const span = { traceId: "aa", spanId: "bb", name: "s", kind: 2, startTimeUnixNano: "5" };
  const attributes = [{ key: "service.name", value: { stringValue: "x" } }];
  const ok = await post(
    JSON.stringify({
      resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans: [span] }] }],
    }),
  );
  await ok.body?.cancel();
  assert.equal(ok.status, 200);
  assert.equal(sink.spans[0]?.kind, "server");
  assert.equal(sink.spans[0].service, "x");
  assert.equal(sink.spans[0].start, 5n);
  const bad = await post("\x0a\x7f", "application/x-protobuf");
  assert.equal(bad.status, 400);
  assert.match(await bad.text(), /ends at byte/);
  await assert.rejects(sink.waitFor(() => false, 20), /received: x:s/);
  await sink.close();
});
