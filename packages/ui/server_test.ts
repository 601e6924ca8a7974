import assert from "node:assert/strict";
import { request } from "node:http";
import { Authorizer, tokenHash } from "@decorum/rpc";
import { type EventRow, type RunRow, RunStore, StoreError } from "@decorum/runs";
import { createLogger } from "@decorum/telemetry";
import { TemporaryFolder } from "@decorum/testing/folder";
import { openUi, type Ui, type UiOptions } from "./server.ts";
import type { RunSource, RunSummary } from "./source.ts";
import { storeSource } from "./store_source.ts";

const TOKEN = "a-token-of-an-operator";
const STRANGER = "a-token-of-a-client";
const trainer = "decorum.trainer.v1.TrainerService";

/** What was logged, and who may do what. */
function host() {
  const lines: string[] = [];
  const logger = createLogger({ service: "ui", write: (line) => lines.push(line) });
  const authorizer = new Authorizer({
    allow: { [`${trainer}/*`]: ["spiffe://decorum/operator"] },
    tokens: () => [
      { sha256: tokenHash(TOKEN), identity: "spiffe://decorum/operator" },
      { sha256: tokenHash(STRANGER), identity: "spiffe://decorum/client/a" },
    ],
  }, { logger });
  return { lines, logger, authorizer };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A request with whatever headers; `fetch` sets some by itself. */
function ask(
  ui: Ui,
  path: string,
  { method = "GET", token, headers = {} }: {
    method?: string;
    token?: string;
    headers?: Record<string, string>;
  } = {},
): Promise<Answer> {
  const url = new URL(ui.url);
  return new Promise((resolve, reject) => {
    const call = request({
      ...{ host: url.hostname, port: url.port, path, method },
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(method === "POST" ? { origin: ui.url } : {}),
        ...headers,
      },
    }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => text += part);
      response.on(
        "end",
        () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    call.on("error", reject);
    call.end();
  });
}

const row: RunRow = {
  ...{ runId: "r", state: "RUNNING", step: 3, totalSteps: 9, startedMs: 5, endedMs: 0 },
  ...{ weightsVersion: 4, configHash: "h", message: "", checkpointStep: 0 },
  configJson: '{"reward":{"api_key":"very-secret"},"seed":1}',
};

/** Runs of a few names, and nothing on record. */
function source(): RunSource {
  const { configJson, ...rest } = row;
  const summary: RunSummary = { ...rest, metrics: { "objective/kl": NaN } };
  return {
    name: "test",
    older: () => false,
    runs: () => Promise.resolve([summary]),
    run: (id) =>
      Promise.resolve(
        id === "r"
          ? { ...summary, config: JSON.parse(configJson) as unknown, metricNames: ["objective/kl"] }
          : undefined,
      ),
    curves: (_, { names }) =>
      Promise.resolve({ width: 1, from: 1, steps: [], unixMs: [], curves: [] }).then((empty) => ({
        ...empty,
        curves: names.map((name) => ({ name, mean: [], min: [], max: [] })),
      })),
    samples: () => Promise.resolve([{ prompt: "</script><script>", response: "\u2028", score: 1 }]),
    evaluations: () => Promise.resolve([]),
    events: () => Promise.resolve([] as EventRow[]),
    [Symbol.dispose]() {},
  };
}

async function withUi(
  more: Partial<UiOptions>,
  test: (ui: Ui, asked: string[], lines: string[]) => Promise<void>,
): Promise<void> {
  const { lines, logger, authorizer } = host();
  const asked: string[] = [];
  const control = (name: string) => (id: string) => {
    asked.push(`${name} ${id}`);
    return Promise.resolve();
  };
  await using ui = await openUi({
    ...{ address: "127.0.0.1:0", names: [], source: source(), authorizer, logger },
    controls: {
      ...{ pause: control("pause"), resume: control("resume") },
      ...{ checkpoint: control("checkpoint"), stop: control("stop") },
    },
    ...more,
  });
  await test(ui, asked, lines);
}

Deno.test("the page and its scripts are served with headers that let nothing else in", async () => {
  await withUi({}, async (ui) => {
    for (const path of ["/", "/main.js", "/style.css", "/uplot.js", "/api/runs", "/nothing"]) {
      const { headers, status } = await ask(ui, path);
      assert.equal(status, path === "/nothing" ? 404 : 200, path);
      const csp = String(headers["content-security-policy"]);
      assert.match(csp, /default-src 'none'; script-src 'self'; style-src 'self';/);
      assert.doesNotMatch(csp, /unsafe|https?:|\*/);
      assert.match(csp, /require-trusted-types-for 'script'/);
      assert.match(csp, /frame-ancestors 'none'/);
      assert.equal(headers["x-content-type-options"], "nosniff");
      assert.equal(headers["referrer-policy"], "no-referrer");
      assert.equal(headers["access-control-allow-origin"], undefined);
    }
    const page = await ask(ui, "/", { headers: { "accept-encoding": "gzip" } });
    assert.equal(page.headers["content-encoding"], "gzip");
    const again = await ask(ui, "/", {
      headers: { "if-none-match": String(page.headers["etag"]) },
    });
    assert.equal(again.status, 304);
    for (const path of ["/../mod.ts", "/%2e%2e/mod.ts", "/page/main.js", "/main.js/", "/%ff"]) {
      assert.ok([400, 404].includes((await ask(ui, path)).status), path);
    }
  });
});

Deno.test("questions about runs, and those that make no sense", async () => {
  await withUi({}, async (ui) => {
    const get = async (path: string) => JSON.parse((await ask(ui, path)).text);
    assert.equal((await get("/api/runs")).runs[0].metrics["objective/kl"], null);
    assert.deepEqual((await get("/api/runs/r")).run.config, {
      reward: { api_key: "(hidden)" },
      seed: 1,
    });
    const curves = await get("/api/runs/r/curves?name=a&name=b%2Fc&points=10&from=3&width=2");
    assert.deepEqual(curves.curves.map(({ name }: { name: string }) => name), ["a", "b/c"]);
    assert.equal((await get("/api/runs/r/samples?step=2")).samples[0].prompt, "</script><script>");
    for (
      const [path, status] of [
        ["/api/runs/none", 404],
        ["/api/runs/..%2f..", 404],
        ["/api/runs/r/secrets", 404],
        ["/api/runs/r/samples?step=-1", 400],
        ["/api/runs/r/curves?points=99999999", 400],
        ["/api/runs/r/curves?from=1e3", 400],
        ["/api/", 404],
      ] as const
    ) assert.equal((await ask(ui, path)).status, status, path);
  });
});

Deno.test("what changes a run: by POST, of this origin and host, with a token that may", async () => {
  await withUi({}, async (ui, asked, lines) => {
    const stop = "/api/runs/r/stop";
    const refused = async (status: number, options: Parameters<typeof ask>[2], path = stop) => {
      const answer = await ask(ui, path, options);
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.headers["www-authenticate"], undefined, "no browser asks for a password");
      assert.deepEqual(asked, []);
    };
    const method = "POST";
    const token = TOKEN;
    await refused(401, { method });
    await refused(401, { method, token: "another" });
    await refused(403, { method, token: STRANGER });
    await refused(405, { token });
    await refused(405, { token, method: "PUT", headers: { origin: ui.url } });
    await refused(403, { method, token, headers: { origin: "http://evil.example" } });
    await refused(403, { method, token, headers: { "sec-fetch-site": "cross-site" } });
    await refused(421, { method, token, headers: { host: "evil.example" } });
    await refused(405, { method, token }, "/api/runs");
    await refused(405, { method, token }, "/api/runs/r/destroy");
    for (const control of ["pause", "resume", "checkpoint", "stop"]) {
      const { status } = await ask(ui, `/api/runs/r/${control}`, { method, token });
      assert.equal(status, 200, control);
    }
    assert.deepEqual(asked, ["pause r", "resume r", "checkpoint r", "stop r"]);
    const log = lines.join("\n");
    assert.match(log, /Stop done/);
    assert.match(log, /spiffe:\/\/decorum\/operator/);
    assert.match(log, /call denied/);
    for (const secret of [TOKEN, STRANGER, tokenHash(TOKEN)]) assert.ok(!log.includes(secret));
  });
});

Deno.test("where nobody has a token nothing can be changed, and nothing where there is no trainer", async () => {
  const { logger, authorizer } = host();
  const method = "POST";
  await withUi({ authorizer: new Authorizer("open", { logger }) }, async (ui, asked) => {
    assert.equal((await ask(ui, "/api/runs/r/stop", { method, token: TOKEN })).status, 401);
    assert.deepEqual(asked, []);
  });
  await withUi({ authorizer, controls: undefined }, async (ui) => {
    const { status, text } = await ask(ui, "/api/runs/r/stop", { method, token: TOKEN });
    assert.equal(status, 409);
    assert.match(text, /without a trainer's address/);
  });
});

Deno.test("beyond loopback: no plaintext, and no reading without a token", async () => {
  await assert.rejects(withUi({ address: "0.0.0.0:0" }, () => Promise.resolve()), /plaintext/);
  await withUi({ address: "0.0.0.0:0", insecure: true }, async (ui) => {
    assert.equal((await ask(ui, "/")).status, 200, "the page holds nothing of runs");
    assert.equal((await ask(ui, "/api/runs")).status, 401);
    assert.equal((await ask(ui, "/api/stream")).status, 401);
    assert.equal((await ask(ui, "/api/runs", { token: STRANGER })).status, 403);
    assert.equal((await ask(ui, "/api/runs", { token: TOKEN })).status, 200);
    const session = JSON.parse((await ask(ui, "/api/session")).text);
    assert.deepEqual([session.reading, session.token], [false, false]);
  });
});

Deno.test("a store that is missing, locked or damaged is told, and read once it can be", async () => {
  let wrong: StoreError | undefined = new StoreError("damaged", "Cannot read x: it is damaged");
  const one = source();
  const broken: RunSource = { ...one, runs: () => wrong ? Promise.reject(wrong) : one.runs() };
  await withUi({ source: broken }, async (ui) => {
    const { status, text } = await ask(ui, "/api/runs");
    assert.deepEqual([status, JSON.parse(text).error], [503, "Cannot read x: it is damaged"]);
    await using heard = await listen(ui);
    assert.deepEqual(await heard.next(), { problem: "Cannot read x: it is damaged" });
    wrong = undefined;
    const { runs, all } = await heard.next() as { runs: RunSummary[]; all: boolean };
    assert.deepEqual([runs.map(({ runId }) => runId), all], [["r"], true]);
  });
});

Deno.test("a page hears of all runs, then of those that another connection has changed", async () => {
  using folder = new TemporaryFolder();
  using store = new RunStore(folder.path);
  const add = (runId: string) =>
    store.createRun({ runId, totalSteps: 9, startedMs: 5, configJson: "{}", configHash: "h" });
  add("a");
  add("b");
  await withUi({ source: storeSource(folder.path) }, async (ui) => {
    await using heard = await listen(ui);
    type Runs = { runs: RunSummary[]; all: boolean };
    const first = await heard.next() as Runs;
    assert.deepEqual([first.runs.length, first.all], [2, true]);
    assert.equal(first.runs[0]?.state, "INTERRUPTED", "no trainer holds its lock");
    store.recordStep("b", { step: 1, unixMs: 7, metrics: { "objective/kl": 0.5 } }, []);
    const { runs, all } = await heard.next() as Runs;
    assert.deepEqual([runs.map(({ runId, step }) => [runId, step]), all], [[["b", 1]], false]);
    assert.equal(runs[0]?.metrics["objective/kl"], 0.5);
  });
});

/** The messages of a page's stream. */
async function listen(ui: Ui): Promise<AsyncDisposable & { next(): Promise<unknown> }> {
  const response = await fetch(`${ui.url}/api/stream`);
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  return {
    async next() {
      while (!rest.includes("\n")) {
        const { done, value } = await reader.read();
        assert.ok(!done);
        rest += value;
      }
      const [line = "", ...more] = rest.split("\n");
      rest = more.join("\n");
      return JSON.parse(line);
    },
    [Symbol.asyncDispose]: () => reader.cancel(),
  };
}
