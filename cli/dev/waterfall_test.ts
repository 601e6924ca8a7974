import assert from "node:assert/strict";
import { type SpanNode, startOtlpSink } from "@decorum/telemetry";
import { ownTimes, rowsOf } from "./rows.ts";
import { tracesHtml, tracesJson } from "./trace_file.ts";
import { TraceWatch } from "./trace_watch.ts";
import { waterfall } from "./waterfall.ts";

/** A span of `from` to `to` milliseconds. */
function span(
  name: string,
  [from, to]: readonly [number, number],
  children: readonly SpanNode[] = [],
  more: Partial<SpanNode> = {},
): SpanNode {
  return {
    traceId: "7f",
    spanId: `${name}${from}`,
    parentSpanId: "",
    name,
    kind: "internal",
    start: BigInt(from) * 1_000_000n,
    end: BigInt(to) * 1_000_000n,
    attributes: {},
    links: [],
    status: "unset",
    statusMessage: "",
    events: [],
    service: "decorum-trainer",
    children,
    ...more,
  };
}

const method = "decorum.reward.v1.RewardService/Score";
const step = span("train.step", [0, 1000], [
  span("score", [0, 500], [
    span(method, [0, 500], [
      span(method, [100, 400], [], {
        kind: "server",
        service: "decorum-reward",
        status: "error",
        statusMessage: "internal\nerror",
        attributes: { "error.type": "INTERNAL" },
      }),
    ], { kind: "client" }),
  ]),
  span(
    "update",
    [500, 1000],
    [0, 1, 2, 3].map((i) =>
      span("update.minibatch", [500 + 100 * i, 600 + 100 * i], [
        span("run loss", [510 + 100 * i, 590 + 100 * i]),
      ])
    ),
  ),
], { attributes: { "decorum.step": 7, "decorum.run_id": "r" } });

Deno.test("a waterfall: siblings of a name on one line, bars to scale, errors below their span", () => {
  const text = waterfall(step, { width: 75, colour: false, full: false });
  assert.deepEqual(text.split("\n"), [
    "── train.step · step 7 of run r · 1.00 s · 13 spans · trace 7f",
    "trainer   train.step 7               1.00 s  ██████████████████████████████",
    "trainer     score                    500 ms  ███████████████",
    "trainer       → Score                500 ms  ███████████████",
    "reward          Score                300 ms     █████████",
    "                ✗ INTERNAL: internal error",
    "trainer     update                   500 ms                 ███████████████",
    "trainer       update.minibatch ×4    400 ms                 ████████████",
    "trainer         run loss ×4          320 ms                 ▊█▊▊█▊▊█▊▊█▊",
    "own time: trainer 500 ms, reward 300 ms, (calls) 200 ms",
    "",
  ]);
  assert.equal(rowsOf(step, true).length, 13, "in full, each has its line");
  const coloured = waterfall(step, { width: 40, colour: true, full: true });
  assert.ok(coloured.includes("\x1b[36mtrainer"));
  assert.equal(ownTimes(step).get("reward"), 300);
});

Deno.test("traces as files: HTML that needs nothing else and trusts no name; JSON", () => {
  const html = tracesHtml([span("<script>", [0, 1])]);
  assert.ok(!html.includes("<script>") && html.includes("&lt;script&gt;"));
  assert.doesNotMatch(html, /https?:|src=/);
  assert.equal(JSON.parse(tracesJson([step]))[0].children[1].start, "500000000");
});

Deno.test("a trace is handed over when its own span is there, once, and at the end what is left", async () => {
  const sink = await startOtlpSink();
  const traces: string[] = [];
  const watch = new TraceWatch(sink, (roots) => traces.push(roots.map(({ name }) => name).join()));
  const send = (name: string, traceId: string, parentSpanId = "") =>
    fetch(`${sink.url}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        resourceSpans: [{
          scopeSpans: [{ spans: [{ traceId, spanId: name, parentSpanId, name }] }],
        }],
      }),
    }).then((response) => response.body?.cancel());
  await send("whole", "a");
  await send("orphan", "b", "its parent has not ended");
  watch.end();
  assert.deepEqual(traces.sort(), ["orphan", "whole"]);
  assert.equal(sink.spans.length, 0, "what was shown is forgotten");
  await sink.close();
});
