import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import type { Page } from "puppeteer-core";
import { tokenHash } from "@decorum/rpc";
import { type Evaluation, RunStore } from "@decorum/runs";
import { startDecorum } from "@decorum/testing/decorum";
import { TemporaryFolder } from "@decorum/testing/folder";
import { freeAddress } from "@decorum/testing/ports";
import { accessibilityProblems, Chromium } from "./chromium.ts";

/** Where pictures are kept, for people to look at; none are made where it is not set. */
const pictures = process.env["DECORUM_PICTURES"];
/** What version 06144b7 wrote. */
const oldRuns = fileURLToPath(new URL("../system/testdata/old_runs/", import.meta.url));
const TOKEN = "a-token-that-no-log-may-show";
const HOSTILE =
  '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">';

/** Waits until an expression in the page is true. */
async function until(page: Page, expression: string): Promise<void> {
  await page.waitForFunction(expression, { timeout: 120_000, polling: 100 });
}

/** What an expression in the page is. */
async function read<T>(page: Page, expression: string): Promise<T> {
  return await page.evaluate(expression) as T;
}

const all = (selector: string) => `[...document.querySelectorAll(${JSON.stringify(selector)})]`;
const text = (selector: string) => `(${all(selector)}[0]?.textContent ?? "")`;

async function click(page: Page, selector: string, words: string): Promise<void> {
  const button = `${all(selector)}.find((b) => b.textContent === ${JSON.stringify(words)})`;
  await until(page, `${button} !== undefined`);
  await page.evaluate(`${button}.click()`);
}

/** Says what a field holds, as typing or choosing does. */
async function choose(page: Page, selector: string, value: string): Promise<void> {
  const field = `document.querySelector(${JSON.stringify(selector)})`;
  await page.evaluate(`${field}.value = ${JSON.stringify(value)}`);
  for (const event of ["input", "change"]) {
    await page.evaluate(`${field}.dispatchEvent(new Event("${event}"))`);
  }
}

/** Elements that make the page wider than the screen. */
const tooWide: string = `document.documentElement.scrollWidth <= innerWidth ? []
  : ${
  all("body *")
}.filter((e) => e.getBoundingClientRect().right > innerWidth && !e.closest(".scroll, .parts"))
    .map((e) => e.outerHTML.slice(0, 100))`;

/** Looks at a page in light and dark, wide and narrow: what axe-core says, and a picture of each. */
async function look(page: Page, name: string): Promise<void> {
  for (const scheme of ["light", "dark"]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    for (const width of [1280, 390]) {
      await page.setViewport({ width, height: 900 });
      assert.deepEqual(await accessibilityProblems(page), [], `${name}, ${scheme}, ${width}`);
      assert.deepEqual(await read(page, tooWide), [], `${name} on a screen of ${width} pixels`);
      if (pictures === undefined) continue;
      mkdirSync(pictures, { recursive: true });
      await page.screenshot({
        path: join(pictures, `${name}-${scheme}-${width}.png`) as `${string}.png`,
      });
    }
  }
  await page.setViewport({ width: 1280, height: 900 });
}

/** The status of a request whose headers a browser would not let a page choose. */
function statusOf(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: "POST", headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    call.on("error", reject);
    call.end();
  });
}

Deno.test("a live run of the demo: curves grow, samples show, and it stops with a token only", async () => {
  using folder = new TemporaryFolder();
  const address = await freeAddress();
  const evaluator = await freeAddress();
  const tokens = folder.write("tokens", `${tokenHash(TOKEN)} operator\n`);
  await using demo = startDecorum([
    ...["demo", "--out", folder.path, "--steps", "2000", "--held-out", "20", "--set"],
    ...[`trainer.ui_listen=${address}`, `trainer.ui_tokens=${tokens}`],
    ...[`trainer.evaluator=${evaluator}`, `evaluator.listen=${evaluator}`],
    ...["trainer.evaluate={every_steps: 4, prompts: 8}", "trainer.checkpoint={every_steps: 5}"],
    "trainer.data.split={train: 0.95, test: 0.05}",
  ]);
  await demo.said(/ 1\/2000 /);
  await using browser = await Chromium.start();
  const url = `http://${address}`;
  const { page, problems } = await browser.open(`${url}/`);

  await until(page, `${text(".runs .badge")} === "running"`);
  await look(page, "runs");
  const runId = await read<string>(page, text(".runs tbody a"));
  assert.match(runId, /^demo-1-/);
  await page.evaluate(`${all(".runs tbody a")}[0].click(); window.sameDocument = true`);

  const shown = `Number(/ at step (\\d+)/.exec(document.querySelector(
    '.chart[data-metric="objective/kl"] .plot')?.getAttribute("aria-label") ?? "")?.[1] ?? 0)`;
  await until(page, `${shown} > 0`);
  const first = await read<number>(page, shown);
  await until(page, `${shown} >= ${first + 4}`);
  assert.ok(await read(page, "window.sameDocument"), "nothing was loaded again");
  await until(page, `${all(".chart canvas")}.length >= 6`);
  await until(page, `${all(".sample .scores")}.length >= 4`);
  assert.match(await read(page, text(".sample .prompt")), /Summarize the following conversation/);
  await until(page, `/outside|inside/.test(${text("[aria-labelledby=evaluations] tbody")})`);
  await until(page, `${all(".sample.pair")}.length > 0`);
  await until(page, `${all(".event.checkpoint")}.length > 0`);
  await look(page, "run");

  const stop = `${url}/api/runs/${runId}/stop`;
  const authorization = `Bearer ${TOKEN}`;
  const here = { origin: url, host: address };
  assert.equal(await statusOf(stop, here), 401);
  assert.equal(await statusOf(stop, { ...here, authorization: "Bearer another" }), 401);
  assert.equal(
    await statusOf(stop, { ...here, authorization, origin: "http://evil.example" }),
    403,
  );
  assert.equal(await statusOf(stop, { ...here, authorization, host: "evil.example" }), 421);
  const elsewhere = await browser.open("data:text/html,<title>another site</title>");
  const sent = `fetch(${JSON.stringify(stop)}, { method: "POST", mode: "no-cors",
    headers: { authorization: ${JSON.stringify(authorization)} } }).then(() => "sent", String)`;
  await read(elsewhere.page, sent);
  await click(page, ".controls button", "Stop");
  await click(page, "dialog button", "Stop the run");
  await until(page, `${text("dialog h2")} === "A token is needed"`);
  await click(page, "dialog button", "Cancel");
  assert.equal(await read(page, text(".head .badge")), "running", "nobody has stopped it");

  await page.goto(`${url}/#token=${TOKEN}`);
  await until(page, `location.hash === "#/" && document.querySelector(".runs tbody a")`);
  await page.evaluate(`${all(".runs tbody a")}[0].click()`);
  await click(page, ".controls button", "Pause");
  await until(page, `${text(".head .badge")} === "paused"`);
  await click(page, ".controls button", "Resume");
  await until(page, `${text(".head .badge")} === "running"`);
  await click(page, ".controls button", "Stop");
  assert.deepEqual(problems, []);
  await click(page, "dialog button", "Stop the run");
  // The demo ends with its run: it may be gone before the page has heard of it.
  const heard = until(page, `${text(".head .badge")} === "stopped"`);
  heard.catch(() => {});
  await Promise.race([heard, demo.ended]);
  await demo.ended;
  const log = readFileSync(folder.join("services.log"), "utf8");
  assert.match(log, /"rpc_method":"decorum\.trainer\.v1\.TrainerService\/Stop"[^\n]*"audit":true/);
  assert.ok(!log.includes(TOKEN));
});

const side = { mean: 1, std: 0.5 };
const term = { weight: 2, n: 20, before: side, after: { mean: 3, std: 0.5 }, difference: 2 };
/** With two terms: one rose, the other may not have. */
const evaluation: Evaluation = {
  ...{ toxicity: null, judge: null, rouge_l: null, kl: 1, reward: null },
  distinct2: { before: 0.5, after: 0.5 },
  length: { before: side, after: side },
  toxicities: { before: [], after: [] },
  rewards: [
    { ...term, name: HOSTILE, ci95: [1.5, 2.5] },
    { ...term, name: "content", ci95: [-0.5, 2.5] },
  ],
  samples: [{
    ...{ prompt: HOSTILE, before: HOSTILE, after: "", toxicity_before: 1, toxicity_after: 0 },
    ...{ rewards_before: { [HOSTILE]: 1 }, rewards_after: {} },
  }],
};

/** Two runs, one of which has markup wherever people's texts can be. */
function writeRuns(folder: string): void {
  using store = new RunStore(folder);
  for (const [i, runId] of [`a${HOSTILE}`, "plain"].entries()) {
    const rewards = [
      { name: "civil", kind: "classifier", expression: HOSTILE, weight: 2 },
      { name: "content", kind: "rouge" },
    ];
    const config = { seed: i, data: { prompt: HOSTILE }, ppo: { learning_rate: 1e-4 }, rewards };
    store.createRun({
      ...{ runId, totalSteps: 40, startedMs: Date.now() - 90_000 },
      ...{ configJson: JSON.stringify(config), configHash: "h" },
    });
    for (let step = 1; step <= 40; step++) {
      const metrics = {
        "env/reward_mean": Math.sin(step / 5 + i) + step / 10,
        "objective/kl": step / (8 + i),
        [HOSTILE]: step,
      };
      const sample = { prompt: HOSTILE, response: HOSTILE, score: step, scores: { [HOSTILE]: 1 } };
      store.recordStep(runId, { step, unixMs: Date.now() + 1000 * step, metrics }, [sample]);
    }
    store.addEvent(runId, { step: 40, unixMs: Date.now(), kind: "service", message: HOSTILE });
    store.addEvaluation(runId, { step: 40, unixMs: Date.now(), result: evaluation });
    store.setState(runId, "FAILED", HOSTILE, Date.now());
  }
}

Deno.test("decorum ui: no folder, then a store that is older, locked, damaged: the terminal and the page say it", async () => {
  using folder = new TemporaryFolder();
  const runs = folder.join("runs");
  const file = join(runs, "decorum.db");
  await using ui = startDecorum(["ui", "--runs", runs, "--listen", "127.0.0.1:0"]);
  await ui.said(new RegExp(`There is no folder ${runs}`));
  const [, url = ""] = await ui.said(/page of runs: (\S+)/);
  await using browser = await Chromium.start();
  const { page, problems } = await browser.open(`${url}/`);
  const said = (words: string) => until(page, `/${words}/.test(${text("#banner")})`);
  await said("has no decorum\\.db");

  const old = folder.join("old.db");
  copyFileSync(join(oldRuns, "ppo", "decorum.db"), old);
  {
    // So that one connection can lock out the others.
    using store = new DatabaseSync(old);
    store.exec("PRAGMA journal_mode = DELETE");
  }
  mkdirSync(runs);
  renameSync(old, file);
  const before = readFileSync(file);
  await said("An older version of Decorum wrote this");
  assert.equal(await read(page, text(".runs tbody a")), "ppo");
  await page.evaluate(`${all(".runs tbody a")}[0].click()`);
  await until(page, `${all(".chart canvas")}.length >= 1 && ${all(".sample")}.length > 0`);
  {
    using other = new DatabaseSync(file);
    other.exec("PRAGMA busy_timeout = 10000; BEGIN EXCLUSIVE");
    await said("another process holds its lock");
  }
  await said("An older version of Decorum wrote this");
  assert.deepEqual(readFileSync(file), before, "nothing is written");

  // In its place, as a copy that was cut short would come.
  writeFileSync(`${file}.new`, "no database".repeat(1000));
  renameSync(`${file}.new`, file);
  await said("it is no SQLite database");
  assert.deepEqual(problems.filter((problem) => !/503/.test(problem)), []);
});

Deno.test("decorum ui: a folder without runs, then two runs compared, and texts stay texts", async () => {
  using folder = new TemporaryFolder();
  const runs = folder.join("runs");
  mkdirSync(runs);
  await using ui = startDecorum(["ui", "--runs", runs, "--listen", "127.0.0.1:0"]);
  const [, url = ""] = await ui.said(/page of runs: (\S+)/);
  await using browser = await Chromium.start();
  const { page, problems } = await browser.open(`${url}/`);
  await until(page, `/has no decorum\\.db/.test(${text("#banner")})`);
  writeRuns(runs);
  await until(
    page,
    `${all(".runs tbody tr")}.length === 2 && document.querySelector("#banner").hidden`,
  );
  assert.ok(
    (await read<string[]>(page, `${all(".runs tbody a")}.map((a) => a.textContent)`)).includes(
      `a${HOSTILE}`,
    ),
  );

  await choose(page, "#view input[type=search]", "PLAIN");
  await until(page, `${all(".runs tbody tr")}.length === 1`);
  await choose(page, "#view input[type=search]", "");
  await choose(page, "#view select", "succeeded");
  await until(page, `${all(".runs tbody tr a")}.length === 0`);
  await choose(page, "#view select", "all states");
  await click(page, ".sort", "reward");
  assert.equal(await read(page, text(".runs tbody a")), "plain", "the lowest comes first");
  await click(page, ".sort", "reward");
  assert.equal(await read(page, text(".runs tbody a")), `a${HOSTILE}`);
  assert.equal(
    await read(page, `${all("th[aria-sort]")}.map((th) => th.ariaSort + th.textContent).join()`),
    "descendingreward",
  );
  await page.evaluate(`${all(".runs input")}.forEach((box) => box.click())`);
  await page.evaluate(`${all("a.button.main")}[0].click()`);
  await until(page, `${all(".legend li")}.length === 2 && ${all(".chart canvas")}.length >= 2`);
  await until(page, `/seed/.test(${text(".differences")})`);
  assert.doesNotMatch(await read(page, text(".differences")), /learning_rate/, "that is the same");
  const label = `${all('.chart[data-metric="objective/kl"] .plot')}[0].getAttribute("aria-label")`;
  assert.match(await read(page, label), /plain: 4\.444 at step 40/);
  await page.evaluate(`document.querySelector("#smoothing").value = "0.9"`);
  await page.evaluate(`document.querySelector("#smoothing").dispatchEvent(new Event("input"))`);
  await page.evaluate(`${all(".choice input")}[1].click()`);
  const byTime = await read<string>(page, label);
  assert.match(byTime, /plain: 4\.444 at 2 min/);
  await choose(page, ".curves input[type=search]", "kl");
  const charts = `${
    all(".chart")
  }.filter((c) => c.checkVisibility()).map((c) => c.dataset.metric).join()`;
  await until(page, `${charts} === "objective/kl"`);
  await choose(page, ".curves input[type=search]", "");
  await look(page, "compare");

  await page.goto(`${url}/#/run/${encodeURIComponent(`a${HOSTILE}`)}`);
  await until(page, `${all(".sample")}.length === 2 && ${all(".event")}.length > 0`);
  await page.evaluate(`${all("details")}.forEach((one) => one.open = true)`);
  await until(page, `${all(".chart canvas")}.length >= 3`);
  for (
    const place of [
      "h1",
      ".message",
      ".sample .prompt p",
      ".sample .scores",
      ".terms .value",
      "[aria-label='Terms of the reward before and after']",
      ".sample.pair",
      ".event",
      ".settings",
      ".curves",
    ]
  ) {
    assert.ok((await read<string>(page, text(place))).includes(HOSTILE), place);
  }
  assert.match(await read(page, text(".terms h2")), /Reward: 2 terms/);
  const measured = await read<string>(
    page,
    text("[aria-label='Terms of the reward before and after']"),
  );
  assert.match(measured, /1.5 to 2.5✓ outside: more/);
  assert.match(measured, /content.*-0.5 to 2.5○ inside: no difference shown/);
  await look(page, "hostile");
  assert.equal(await read(page, "window.hacked"), undefined);
  assert.equal(await read(page, `${all("script")}.length`), 2);
  assert.equal(await read(page, `${all("img")}.length`), 0);
  assert.deepEqual(problems.filter((problem) => !/503/.test(problem)), []);

  await using report = startDecorum([
    "report",
    "plain",
    "--runs",
    runs,
    "--out",
    folder.join("r.html"),
  ]);
  assert.equal((await report.ended).code, 0, report.output());
  const opened = await browser.open(`file://${folder.join("r.html")}`);
  await until(opened.page, `${all(".chart canvas")}.length >= 2 && ${all(".sample")}.length === 2`);
  assert.equal(await read(opened.page, text(".sample .prompt p")), HOSTILE);
  assert.equal(await read(opened.page, "window.hacked"), undefined);
  await look(opened.page, "report");
  assert.deepEqual(opened.problems, []);
});
