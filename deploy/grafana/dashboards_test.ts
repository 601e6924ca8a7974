import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { metricNames } from "@decorum/telemetry";
import { buildDashboard, dashboards } from "./mod.ts";
import { metricsOf, unparsed } from "./promql.ts";
import { exporterMetrics } from "./exporters.ts";
import { dashboardFiles } from "./write.ts";

/** What the services export, a histogram's three series by their names. */
const exported = new Set(
  Object.entries(metricNames).flatMap(([name, declared]) =>
    "buckets" in declared ? ["bucket", "sum", "count"].map((part) => `${name}_${part}`) : [name]
  ),
);

Deno.test("the dashboards' JSON is what the sources make", () => {
  for (const [path, text] of dashboardFiles()) {
    assert.equal(readFileSync(path, "utf8"), text, `${path}: run "deno task dashboards"`);
  }
});

for (const spec of dashboards) {
  const panels = spec.rows.flatMap((row) => row.panels);

  Deno.test(`${spec.uid}: every panel has a unit, a description, a place and a number of its own`, () => {
    const built = buildDashboard(spec);
    assert.equal(built.uid, spec.uid);
    const ids = new Set(built.panels!.map(({ id }) => id));
    assert.equal(ids.size, built.panels!.length);
    assert.ok(!JSON.stringify(built).includes("__inputs"));
    for (const panel of built.panels!) {
      if (!("fieldConfig" in panel)) continue; // a row
      const { title, description, fieldConfig, gridPos } = panel;
      const targets = panel.targets as { refId?: string }[];
      assert.ok(title && description!.length > 15, `${title}: say what it tells`);
      assert.ok(fieldConfig?.defaults.unit, `${title}: no unit`);
      assert.ok(gridPos!.x + gridPos!.w <= 24, `${title}: beyond the right edge`);
      assert.match(JSON.stringify(panel.datasource), /\$\{(datasource|tempo|loki)\}/);
      assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length);
    }
  });

  Deno.test(`${spec.uid}: every expression parses, and asks for metrics that there are`, () => {
    for (const { title, queries, kind } of panels) {
      if (kind === "logs" || kind === "traces") continue;
      for (const { expr, exemplars } of queries) {
        assert.deepEqual(unparsed(expr), [], `${title}: ${expr}`);
        assert.ok(!/\[\d/.test(expr), `${title}: expected $__rate_interval in ${expr}`);
        for (const name of metricsOf(expr)) {
          const found = exported.has(name) || exporterMetrics.has(name);
          assert.ok(found, `${title}: nobody exports ${name}`);
        }
        if (exemplars) assert.match(expr, /_bucket\{/);
      }
    }
  });

  Deno.test(`${spec.uid}: no panel of a row has the title of another`, () => {
    for (const row of spec.rows) {
      const titles = row.panels.map(({ title }) => title);
      assert.equal(new Set(titles).size, titles.length);
    }
  });
}
