import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Authorizer } from "@decorum/rpc";
import { RunStore } from "@decorum/runs";
import { createLogger } from "@decorum/telemetry";
import { openUi, storeSource } from "@decorum/ui";
import { Chromium } from "../tests/interop/chromium.ts";
import { median } from "./stats.ts";

export interface UiBenchOptions {
  readonly runs: number;
  readonly steps: number;
  /** Loads of the page, each by a browser that has kept nothing. */
  readonly rounds: number;
  /** Folder in which the runs are made once. */
  readonly cache: string;
}

/** Medians. */
export interface UiBenchResult {
  readonly store_mb: number;
  /** From the address to the first paint. */
  readonly first_paint_ms: number;
  /** To a list with every run. */
  readonly list_ms: number;
  /** From the address of a run to its drawn curves. */
  readonly curves_ms: number;
  /** The same for four runs over each other. */
  readonly compared_ms: number;
  /** Server's time for one metric of one run, and for the list. */
  readonly curve_answer_ms: number;
  readonly list_answer_ms: number;
  /** Of the page itself, as it comes over the network. */
  readonly page_kb: number;
  readonly curve_answer_kb: number;
}

const metrics = [
  ...["env/reward_mean", "objective/kl", "env/toxicity", "ppo/mean_scores"],
  ...["tokens/responses_len_mean", "ppo/policy/entropy", "ppo/loss/total", "time/step"],
];

/** Times the page of runs in Chromium, over a store of many long runs. */
export async function benchUi(options: UiBenchOptions): Promise<UiBenchResult> {
  const folder = join(options.cache, `runs-${options.runs}-${options.steps}`);
  if (!existsSync(join(folder, "complete"))) makeRuns(folder, options);
  const logger = createLogger({ service: "bench" });
  await using ui = await openUi({
    ...{ address: "127.0.0.1:0", names: [], source: storeSource(folder) },
    ...{ authorizer: new Authorizer("open", { logger }), logger },
  });
  await using browser = await Chromium.start();
  const times: Record<"paint" | "list" | "curves" | "compared" | "bytes", number[]> = {
    ...{ paint: [], list: [], curves: [], compared: [], bytes: [] },
  };
  const shown = async (path: string, expression: string) => {
    const { page } = await browser.open(`${ui.url}${path}`);
    await page.waitForFunction(expression, { timeout: 120_000, polling: "raf" });
    const [now, paint, bytes] = await page.evaluate(`[performance.now(),
      performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN,
      performance.getEntriesByType("resource").filter(({ name }) => !name.includes("/api/"))
        .reduce((sum, { transferSize }) => sum + transferSize, 0)]`) as [number, number, number];
    await page.browserContext().close();
    return { now, paint, bytes };
  };
  const canvases = `document.querySelectorAll(".chart canvas").length >= 7`;
  for (let round = 0; round < options.rounds; round++) {
    const rows = `document.querySelectorAll(".runs tbody tr").length === ${options.runs}`;
    const list = await shown("/#/", rows);
    times.list.push(list.now);
    times.paint.push(list.paint);
    times.bytes.push(list.bytes);
    times.curves.push((await shown(`/#/run/run-${round}`, canvases)).now);
    const several = [0, 1, 2, 3].map((i) => `run-${4 * round + i}`).join("/");
    times.compared.push((await shown(`/#/compare/${several}`, canvases)).now);
  }
  const curve = await answers(
    ui.url,
    options.rounds,
    (i) => `runs/run-${50 + i}/curves?name=objective/kl`,
  );
  const list = await answers(ui.url, options.rounds, () => "runs");
  return {
    store_mb: Math.round(statSync(join(folder, "decorum.db")).size / 1e6),
    first_paint_ms: Math.round(median(times.paint)),
    list_ms: Math.round(median(times.list)),
    curves_ms: Math.round(median(times.curves)),
    compared_ms: Math.round(median(times.compared)),
    curve_answer_ms: Math.round(10 * curve.ms) / 10,
    list_answer_ms: Math.round(10 * list.ms) / 10,
    page_kb: Math.round(median(times.bytes) / 100) / 10,
    curve_answer_kb: Math.round(curve.bytes / 100) / 10,
  };
}

/** Milliseconds of an answer, and its bytes without compression. */
async function answers(url: string, rounds: number, path: (round: number) => string) {
  const ms: number[] = [];
  let bytes = 0;
  for (let i = 0; i < 3 * rounds; i++) {
    const began = performance.now();
    const response = await fetch(`${url}/api/${path(i)}`);
    bytes = (await response.arrayBuffer()).byteLength;
    ms.push(performance.now() - began);
  }
  return { ms: median(ms), bytes };
}

/** Runs with random metrics, each a walk of its own. */
function makeRuns(folder: string, { runs, steps }: UiBenchOptions): void {
  new RunStore(folder).close();
  const db = new DatabaseSync(join(folder, "decorum.db"));
  db.exec("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; BEGIN");
  const count =
    `WITH RECURSIVE n(step) AS (SELECT 1 UNION ALL SELECT step + 1 FROM n WHERE step < ${steps})`;
  const start = Date.UTC(2026, 0, 1);
  const run = db.prepare(
    `INSERT INTO runs VALUES (?, 'SUCCEEDED', ?, ?, ?, ?, ?, '{"seed":1}', 'h', '', ?)`,
  );
  const step = db.prepare(
    `${count} INSERT INTO steps SELECT ?, step, ? + 1000 * step FROM n`,
  );
  const series = db.prepare("INSERT INTO series (run_id, name) VALUES (?, ?) RETURNING id");
  const point = db.prepare(
    `${count} INSERT INTO points SELECT ?, step, 1.0 * step / ${steps} + random() / 4e19 FROM n`,
  );
  for (let i = 0; i < runs; i++) {
    const began = start + 3_600_000 * i;
    run.run(`run-${i}`, steps, steps, began, began + 1000 * steps, steps + 1, steps);
    step.run(`run-${i}`, began);
    for (const name of metrics) {
      const row = series.get(`run-${i}`, name);
      if (row) point.run(row["id"]!);
    }
  }
  db.exec("COMMIT; PRAGMA journal_mode = WAL");
  db.close();
  Deno.writeTextFileSync(join(folder, "complete"), "");
}
