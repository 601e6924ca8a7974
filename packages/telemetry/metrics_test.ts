import assert from "node:assert/strict";
import { serveTelemetry } from "./http.ts";
import { createMetrics } from "./metrics.ts";

Deno.test("the exposition is OpenMetrics and grows with the first value of a metric", async () => {
  const metrics = createMetrics({ service: "policy", version: "1.2.3" });
  assert.doesNotMatch((await metrics.render()).body, /decorum_queue/);
  metrics.add("decorum_queue_rejections_total", 0, { queue: "score", reason: "depth" });
  metrics.add("decorum_queue_rejections_total", 2, { queue: "score", reason: "depth" });
  metrics.set("decorum_queue_depth", 7, { queue: "score" });
  metrics.observe("decorum_batch_size", 3, { queue: "score" });
  for (let i = 0; i < 2; i++) {
    const { contentType, body } = await metrics.render();
    assert.match(contentType, /^application\/openmetrics-text; version=1\.0\.0/);
    assert(body.endsWith("# EOF\n"));
    for (
      const line of [
        "# TYPE decorum_queue_rejections counter",
        'decorum_queue_rejections_total{queue="score",reason="depth"} 2',
        "# TYPE decorum_queue_depth gauge",
        'decorum_queue_depth{queue="score"} 7',
        'decorum_batch_size_bucket{le="2",queue="score"} 0',
        'decorum_batch_size_bucket{le="4",queue="score"} 1',
        'decorum_batch_size_sum{queue="score"} 3',
      ]
    ) assert(body.split("\n").includes(line), `${line}\nis not in\n${body}`);
    assert.match(body, /decorum_build_info\{service="policy",version="1\.2\.3",runtime="deno 2/);
    assert.match(body, /^process_resident_memory_bytes \d{7,}$/m);
    assert.match(body, /^process_cpu_seconds_total [\d.]+$/m);
  }
});

Deno.test("/metrics and /healthz are served, the rest is not", async () => {
  const metrics = createMetrics({ service: "s", version: "0" });
  let healthy = false;
  const server = await serveTelemetry({ port: 0, metrics, healthy: () => healthy });
  const get = async (path: string, method = "GET") => {
    const response = await fetch(server.url + path, { method });
    return `${response.status} ${await response.text()}`;
  };
  assert.match(await get("/metrics"), /^200 # HELP/);
  assert.equal(await get("/healthz"), "503 not serving\n");
  healthy = true;
  assert.equal(await get("/healthz"), "200 serving\n");
  assert.match(await get("/else"), /^404/);
  assert.match(await get("/metrics", "POST"), /^405/);
  await assert.rejects(
    serveTelemetry({ port: server.port, metrics, healthy: () => true }),
    /Cannot serve telemetry on 127\.0\.0\.1:\d+: .*EADDRINUSE.*choose another/s,
  );
  await server.close();
});

/** Series of a metric in an exposition. */
const series = (body: string, name: string) =>
  body.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));

Deno.test("whatever comes as a label, the sets of labels stay few and hold no foreign text", async () => {
  const metrics = createMetrics({ service: "policy", version: "0" });
  const secret = "my neighbour's prompt";
  for (let i = 0; i < 2000; i++) {
    const foreign = JSON.parse(JSON.stringify({ queue: secret, reason: `${secret} ${i}` }));
    metrics.add("decorum_queue_rejections_total", 1, foreign);
    metrics.set("decorum_rpc_server_active_calls", 1, { rpc_method: `Method${i}` });
    metrics.set("decorum_rpc_server_active_calls", 1, { rpc_method: `${secret}\n${i}` });
    metrics.set("decorum_policy_weights_version", i, { run_id: `run-${i}` });
  }
  const { body } = await metrics.render();
  assert.doesNotMatch(body, /neighbour/);
  assert.deepEqual(series(body, "decorum_queue_rejections_total"), [
    'decorum_queue_rejections_total{queue="other",reason="other"} 2000',
  ]);
  assert.equal(series(body, "decorum_rpc_server_active_calls").length, 500);
  assert.deepEqual(
    series(body, "decorum_policy_weights_version"),
    Array.from({ length: 8 }, (_, i) => 1992 + i)
      .map((i) => `decorum_policy_weights_version{run_id="run-${i}"} ${i}`),
  );
  const [lost] = series(body, "decorum_telemetry_dropped_series_total");
  assert.equal(lost, "decorum_telemetry_dropped_series_total 1501");
});

Deno.test("a run that has ended goes away, one that continues stays", async () => {
  const metrics = createMetrics({ service: "trainer", version: "0" });
  for (const run_id of ["over", "resumed"]) metrics.set("decorum_trainer_step", 1, { run_id });
  for (const run of ["over", "resumed"]) metrics.endRun(run, 20);
  metrics.set("decorum_trainer_step", 2, { run_id: "resumed" });
  await new Promise((resolve) => setTimeout(resolve, 60));
  const { body } = await metrics.render();
  assert.deepEqual(series(body, "decorum_trainer_step"), [
    'decorum_trainer_step{run_id="resumed"} 2',
  ]);
});

Deno.test("what is asked at every exposition may fail alone", async () => {
  const metrics = createMetrics({ service: "s", version: "0" });
  metrics.onRender(() => Promise.reject(new Error("no")));
  metrics.onRender(() => metrics.set("decorum_queue_depth", 3, { queue: "score" }));
  assert.match((await metrics.render()).body, /decorum_queue_depth\{queue="score"\} 3/);
});
