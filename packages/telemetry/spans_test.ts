import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import {
  type Context,
  context,
  ROOT_CONTEXT,
  trace,
  type TracerProvider,
} from "@opentelemetry/api";
import { startOtlpSink } from "./otlp_sink.ts";
import { batchSpan, inSpan, pastSpan } from "./spans.ts";
import { startTracing } from "./tracer.ts";

Deno.test("off: work runs as it is, and no tracer is asked for anything", async () => {
  const forbidden: TracerProvider = {
    getTracer: () => {
      throw new Error("asked");
    },
  };
  trace.setGlobalTracerProvider(forbidden);
  try {
    assert.equal(await inSpan("t", "work", {}, (span) => span === undefined), true);
    await assert.rejects(inSpan("t", "work", {}, () => Promise.reject(new Error("mine"))), /mine/);
    pastSpan("t", "wait", ROOT_CONTEXT, 0);
    assert.deepEqual(batchSpan([ROOT_CONTEXT]), {});
  } finally {
    trace.disable();
  }
});

Deno.test("errors with causes, waits that are over, batches of one trace and of several", async () => {
  const sink = await startOtlpSink();
  const tracing = await startTracing({ service: "s", version: "0", endpoint: sink.url });
  const request = (name: string, work: (at: Context) => unknown = () => {}) =>
    inSpan("t", name, {}, async () => {
      await work(context.active());
      return context.active();
    });
  const batch = (name: string, requests: readonly Context[]) =>
    inSpan("t", name, batchSpan(requests), () => {});
  await inSpan("t", "failing", {}, () => {
    throw new InputError("outer", { cause: new Error("inner", { cause: "a text" }) });
  }).catch(() => {});
  const began = performance.now() - 50;
  await request("one", (at) => {
    pastSpan("t", "queue", at, began);
    return batch("batch of one", [at]);
  });
  await request("step", async () => {
    await batch("batch of a step", [await request("a"), await request("b")]);
  });
  await batch("batch of two steps", [await request("c"), await request("d")]);
  await batch("batch of nobody's", [await request("e"), ROOT_CONTEXT]);
  await tracing.shutdown();
  const find = (name: string) => sink.spans.find((span) => span.name === name)!;
  const parent = (name: string) =>
    sink.spans.find(({ spanId }) => spanId === find(name).parentSpanId)?.name;
  const linked = (name: string) =>
    find(name).links.map((link) => sink.spans.find(({ spanId }) => spanId === link.spanId)?.name);

  const { status, statusMessage, attributes, events } = find("failing");
  assert.deepEqual([status, statusMessage, attributes["error.type"]], [
    "error",
    "outer",
    "InputError",
  ]);
  assert.deepEqual(
    events.map((event) => event.attributes["exception.message"]),
    ["outer", "inner", "a text"],
  );
  assert.equal(parent("queue"), "one");
  const waited = Number(find("queue").end - find("queue").start) / 1e6;
  assert.ok(waited >= 45, `${waited} ms`);
  assert.deepEqual([parent("batch of one"), linked("batch of one")], ["one", []]);
  assert.deepEqual([parent("batch of a step"), linked("batch of a step")], ["a", ["a", "b"]]);
  assert.deepEqual([parent("batch of two steps"), linked("batch of two steps")], [undefined, [
    "c",
    "d",
  ]]);
  assert.deepEqual([parent("batch of nobody's"), linked("batch of nobody's")], [undefined, ["e"]]);
  await sink.close();
});
