/** `deno task dashboards [--check]`: writes the dashboards' JSON, or says whether it is up to date. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { buildDashboard, dashboards } from "./mod.ts";

const folder = fileURLToPath(new URL("dashboards/", import.meta.url));

/** The files of all dashboards, by path. */
export function dashboardFiles(): Map<string, string> {
  return new Map(dashboards.map((spec) => [
    join(folder, `${spec.uid}.json`),
    JSON.stringify(buildDashboard(spec), null, 2) + "\n",
  ]));
}

if (import.meta.main) {
  const check = process.argv.includes("--check");
  let stale = false;
  for (const [path, text] of dashboardFiles()) {
    if (existsSync(path) && readFileSync(path, "utf8") === text) continue;
    stale = true;
    if (check) console.error(`${path} is not up to date; run "deno task dashboards"`);
    else {
      mkdirSync(folder, { recursive: true });
      writeFileSync(path, text);
      console.log(`wrote ${path}`);
    }
  }
  if (check && stale) process.exit(1);
}
