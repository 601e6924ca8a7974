import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { metricNames } from "@decorum/telemetry";
import { exporterMetrics } from "../grafana/exporters.ts";
import { metricsOf, unparsed } from "../grafana/promql.ts";

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: { readonly severity?: string };
  readonly annotations?: { readonly summary?: string; readonly runbook?: string };
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFileSync(`${root}/${path}`, "utf8");
const { groups } = parse(read("deploy/prometheus/rules/decorum.yaml")) as {
  groups: { rules: Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.filter(({ alert }) => alert !== undefined);
const tested = parse(read("deploy/prometheus/tests/decorum.yaml")) as {
  tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
};

Deno.test("every rule parses, and asks for metrics that there are", () => {
  const recorded = new Set(rules.map(({ record }) => record));
  for (const { alert, record, expr } of rules) {
    assert.deepEqual(unparsed(expr), [], `${alert ?? record}`);
    for (const name of metricsOf(expr)) {
      const base = name.replace(/_(bucket|sum|count)$/, "");
      assert.ok(
        recorded.has(name) || exporterMetrics.has(name) || name in metricNames ||
          base in metricNames,
        `${alert ?? record}: nobody exports ${name}`,
      );
    }
  }
});

Deno.test("every alert has a severity, a summary, a runbook, and a test in which it alone fires", () => {
  const firing = tested.tests.flatMap(({ alert_rule_test }) => alert_rule_test)
    .filter(({ exp_alerts }) => exp_alerts.length === 1).map(({ alertname }) => alertname);
  for (const { alert, labels, annotations } of alerts) {
    assert.match(labels?.severity ?? "", /^(critical|warning|info)$/, `${alert}`);
    assert.ok((annotations?.summary ?? "").length > 20, `${alert}`);
    assert.equal(annotations?.runbook, `docs/runbooks/${alert}.md`);
    assert.ok(existsSync(`${root}/${annotations.runbook}`), `${annotations.runbook} is missing`);
    assert.match(read(annotations.runbook), /## Look at\n- [^]*## Do\n- /);
    assert.ok(
      firing.includes(alert!),
      `deploy/prometheus/tests/decorum.yaml does not fire ${alert}`,
    );
  }
});

Deno.test("every runbook is of an alert, and in the list", () => {
  const pages = readdirSync(`${root}/docs/runbooks`).filter((name) => name !== "README.md");
  assert.deepEqual(pages.sort(), alerts.map(({ alert }) => `${alert}.md`).sort());
  for (const page of pages) assert.ok(read("docs/runbooks/README.md").includes(`(${page})`), page);
});
