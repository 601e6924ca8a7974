import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { metricNames } from "@decorum/telemetry";
import { metricsDocument, readMetricsDocument } from "./metrics_doc.ts";

const root = join(import.meta.dirname!, "..");

/** The product's sources, tests and the declarations themselves aside. */
function* sources(folder: string): Iterable<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (/\.ts$/.test(path) && !/_test\.ts$|telemetry\/names\.ts$|\/gen\//.test(path)) {
      yield readFileSync(path, "utf8");
    }
  }
}

Deno.test("docs/metrics.md is what is declared; else run `deno run -A tools/metrics_doc.ts`", () => {
  assert.equal(readMetricsDocument(), metricsDocument());
});

Deno.test("every metric that is declared is recorded somewhere", () => {
  const all = [join(root, "packages"), join(root, "services")].flatMap((f) => [...sources(f)])
    .join("\n");
  const idle = Object.keys(metricNames).filter((name) => !all.includes(`"${name}"`));
  assert.deepEqual(idle, []);
});
