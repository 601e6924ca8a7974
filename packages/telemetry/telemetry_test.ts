import assert from "node:assert/strict";
import { trace } from "@opentelemetry/api";
import { startOtlpSink } from "./otlp_sink.ts";
import { startTelemetry } from "./telemetry.ts";

Deno.test("one call starts logs, metrics, traces and their port, one call ends them", async () => {
  const sink = await startOtlpSink();
  const options = { service: "reward", version: "0.1.0", healthy: () => true };
  const telemetry = await startTelemetry({
    ...options,
    otlpEndpoint: sink.url,
    http: { port: 0 },
  });
  trace.getTracer("t").startSpan("s").end();
  const response = await fetch(`${telemetry.http?.url}/metrics`);
  const body = await response.text();
  assert.match(body, /decorum_build_info\{service="reward"/);
  assert.match(body, /^decorum_serving 1$/m);
  await telemetry.close();
  assert.deepEqual(sink.spans.map(({ name, service }) => [name, service]), [["s", "reward"]]);
  await assert.rejects(fetch(`${telemetry.http?.url}/metrics`));
  await sink.close();

  const quiet = await startTelemetry(options);
  assert.equal(quiet.http, undefined);
  quiet.metrics.add("decorum_policy_generated_tokens_total", 1, {});
  assert.equal((await quiet.metrics.render()).body, "# EOF\n", "nobody asks, nothing is kept");
  assert.equal(quiet.tracing.enabled, false);
  await quiet.close();
  await assert.rejects(
    startTelemetry({ ...options, http: { port: 0 }, otlpEndpoint: "nowhere" }),
    /endpoint "nowhere"/,
  );
});
