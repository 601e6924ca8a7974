import assert from "node:assert/strict";
import { type MetricDeclaration, metricNames } from "./names.ts";

Deno.test("every name follows the conventions of OpenMetrics", () => {
  for (const [name, metric] of Object.entries<MetricDeclaration>(metricNames)) {
    assert.match(name, /^(rpc|decorum|process)(_[a-z0-9]+)+$/);
    assert.equal(name.endsWith("_total"), metric.type === "counter", name);
    const stem = name.replace(/_total$/, "");
    if (metric.unit === "seconds" || metric.unit === "bytes" || metric.unit === "nats") {
      assert(stem.endsWith(`_${metric.unit}`), `${name} lacks its unit ${metric.unit}`);
    }
    assert.equal(metric.buckets !== undefined, metric.type === "histogram", name);
    const buckets = metric.buckets ?? [];
    assert.deepEqual(buckets, [...new Set(buckets)].sort((a, b) => a - b), name);
    assert.match(metric.help, /\.$/, name);
    for (const label of metric.labels) assert.match(label, /^[a-z][a-z0-9_]*$/);
  }
});
