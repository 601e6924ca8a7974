import assert from "node:assert/strict";
import { trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createLogger } from "./logger.ts";
import { createMetrics } from "./metrics.ts";
import { SpanQueue } from "./span_queue.ts";
import { startTracing } from "./tracer.ts";

const base = { service: "policy", version: "1.0.0" };

/** A collector that answers as told. */
async function collector(answer: (response: ServerResponse, request: number) => void) {
  let requests = 0;
  const server = createServer((request, response) => {
    request.resume().on("end", () => answer(response, requests++));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Makes spans against a collector. @returns what was counted, and what the log said */
async function traced(endpoint: string, spans: number, exportTimeoutMs: number) {
  const metrics = createMetrics(base);
  const lines: string[] = [];
  const logger = createLogger({
    service: "policy",
    format: "json",
    write: (line) => void lines.push(line),
  });
  const settings = { ...base, endpoint, exportTimeoutMs, maxQueued: 100, delayMs: 5 };
  const tracing = await startTracing({ ...settings, metrics, logger });
  for (let i = 0; i < spans; i++) trace.getTracer("t").startSpan(`s${i}`).end();
  await tracing.flush(3000);
  await tracing.shutdown(100);
  const { body } = await metrics.render();
  const count = (name: string) => Number(new RegExp(`^${name} (\\d+)`, "m").exec(body)?.[1] ?? 0);
  const dropped = (reason: string) =>
    count(`decorum_telemetry_dropped_spans_total\\{reason="${reason}"\\}`);
  const exported = count("decorum_telemetry_exported_spans_total");
  return { dropped, exported, total: tracing.dropped, lines };
}

Deno.test("a collector that answers 500 costs its spans; they are counted, and said once", async () => {
  await using bad = await collector((response) => response.writeHead(500).end());
  const { dropped, exported, total, lines } = await traced(bad.endpoint, 90, 2000);
  assert.equal(dropped("export_failed"), 90);
  assert.deepEqual([exported, total], [0, 90]);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /spans dropped: is the OTLP collector up/);
});

Deno.test("a collector that is too slow costs spans and holds nothing up", async () => {
  await using slow = await collector((response) => {
    setTimeout(() => response.writeHead(200).end(), 60_000).unref();
  });
  const { dropped, exported, total } = await traced(slow.endpoint, 1000, 100);
  assert.equal(dropped("export_timeout") + dropped("queue_full"), 1000);
  assert.ok(dropped("queue_full") >= 700, `${dropped("queue_full")}`);
  assert.deepEqual([exported, total], [0, 1000]);
});

Deno.test("a collector that comes back gets what is made from then on", async () => {
  await using back = await collector((response, request) =>
    response.writeHead(request === 0 ? 500 : 200).end()
  );
  const lost = await traced(back.endpoint, 60, 2000);
  assert.deepEqual([lost.dropped("export_failed"), lost.exported], [60, 0]);
  const taken = await traced(back.endpoint, 60, 2000);
  assert.deepEqual([taken.total, taken.exported], [0, 60]);
});

Deno.test("a million spans and a collector that never answers: the queue stays bounded", async () => {
  let dropped = 0;
  let waiting = 0;
  const queue = new SpanQueue({
    exporter: {
      export: (spans) => void (waiting += spans.length),
      shutdown: () => Promise.resolve(),
    },
    maxQueued: 2048,
    maxBatch: 512,
    delayMs: 1000,
    exportTimeoutMs: 50,
    onSent: () => {},
    onDrop: (spans) => void (dropped += spans),
  });
  const context = { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 1 };
  for (let i = 0; i < 1_000_000; i++) {
    queue.onEnd({ spanContext: () => context } as unknown as ReadableSpan);
  }
  assert.equal(waiting, 512, "one export at a time");
  assert.equal(dropped, 1_000_000 - 512 - 2048, "all but one batch and the queue");
  const alive = setInterval(() => {}, 1000); // the queue's own timers let a process end
  await queue.shutdown();
  clearInterval(alive);
  assert.equal(dropped, 1_000_000, "every one of them is counted");
});
