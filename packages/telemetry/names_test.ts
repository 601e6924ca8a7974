import assert from "node:assert/strict";
import { type MetricDeclaration, metricType, metricUnit } from "./declaration.ts";
import { metricGroups, metricNames } from "./names.ts";

Deno.test("every name follows the conventions of OpenMetrics", () => {
  for (const [name, metric] of Object.entries<MetricDeclaration>(metricNames)) {
    assert.match(name, /^(rpc|http|decorum|process)(_[a-z0-9]+)+$/);
    const type = metricType(name, metric);
    assert.equal(name.endsWith("_total"), type === "counter", name);
    const buckets = metric.buckets ?? [];
    assert.deepEqual(buckets, [...new Set(buckets)].sort((a, b) => a - b), name);
    assert.match(metric.help, /\.$/, name);
    for (const [label, values] of Object.entries(metric.labels ?? {})) {
      assert.match(label, /^[a-z][a-z0-9_]*$/);
      assert.equal(values === "run", label === "run_id", name);
    }
  }
});

Deno.test("a metric is declared in one group, its unit is in its name", () => {
  const grouped = Object.values(metricGroups).flatMap((group) => Object.keys(group));
  assert.deepEqual(grouped, Object.keys(metricNames));
  assert.equal(metricUnit("process_cpu_seconds_total"), "seconds");
  assert.equal(metricUnit("decorum_trainer_response_tokens_total"), "tokens");
  assert.equal(metricUnit("decorum_trainer_kl_target_nats"), "nats");
  assert.equal(metricUnit("decorum_queue_depth"), "1");
});
