import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Authorizer, createClient, rewardService, tokenHash } from "@decorum/rpc";
import { createLogger } from "@decorum/telemetry";
import type { RewardConfig } from "@decorum/settings";
import { limitsOf, openReward } from "../testing/open_reward.ts";
import type { GetRewardAnswer } from "./get_reward.ts";

const http = { http_listen: "127.0.0.1:0" };

const open = (
  fields: Partial<RewardConfig> = {},
  options: Parameters<typeof openReward>[1] = {},
) => openReward({ ...http, ...fields }, options);

async function post(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; headers: Headers; body: GetRewardAnswer & { error?: string } }> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" || body instanceof Uint8Array
      ? body as BodyInit
      : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

const query = ["you fool", "ok.", ""];

Deno.test("get_reward: rewards as OpenRLHF's client reads them", async () => {
  await using reward = await open();
  const url = `${reward.url()}/get_reward`;
  using typed = createClient(rewardService, { address: reward.server.address });
  const { results, modelVersion } = await typed.score({
    items: query.map((response) => ({ response })),
  });
  const body = { query, prompts: ["you", "ok", ""], labels: [null, { a: 1 }, "x"] };
  const answer = await post(url, body);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
  const { rewards, scores, extra_logs, label, model_version } = answer.body;
  rewards.forEach((value, i) => assert.ok(Math.abs(value - results[i]!.score) <= 1e-5));
  assert.deepEqual(scores, rewards);
  assert.deepEqual(extra_logs.truncated_tokens, [0, 0, 0]);
  assert.deepEqual(extra_logs.tokens, results.map(({ tokens }) => tokens));
  // Its client makes a tensor of each value.
  assert.ok(Object.values(extra_logs).flat().every((value) => typeof value === "number"));
  assert.deepEqual([label, model_version], ["hate", modelVersion]);

  const one = await post(`${url}?label=unsure`, { query: query[0] });
  assert.ok(Math.abs(one.body.rewards[0]! - results[0]!.logits[2]!) <= 1e-5);
});

Deno.test("get_reward: the URL says what is scored, and whether it may be cut", async () => {
  await using reward = await open();
  const url = `${reward.url()}/get_reward`;
  using typed = createClient(rewardService, { address: reward.server.address });
  const [prompt, response] = ["b".repeat(40), "you fool"];
  const body = { query: [prompt + response], prompts: [prompt] };
  const { results } = await typed.score({
    items: [{ response }, { query: prompt, response }],
    truncate: true,
  });
  const alone = await post(`${url}?input=response`, body);
  assert.ok(Math.abs(alone.body.rewards[0]! - results[0]!.score) <= 1e-5);
  const pair = await post(`${url}?input=pair&truncate=true`, body);
  assert.ok(Math.abs(pair.body.rewards[0]! - results[1]!.score) <= 1e-5);
  assert.deepEqual(pair.body.extra_logs.truncated_tokens, [results[1]!.truncatedTokens]);
  const long = await post(url, body);
  assert.equal(long.status, 400);
  assert.match(long.body.error ?? "", /query 0: it has \d+ tokens, at most 32/);
  const other = await post(`${url}?input=pair`, { ...body, prompts: ["c"] });
  assert.match(other.body.error ?? "", /query 0 does not begin with prompts\[0\]/);
});

Deno.test("get_reward: what cannot be read is told with its status", async () => {
  await using reward = await open({ limits: limitsOf({ max_request_bytes: 500 }) });
  const base = reward.url();
  const url = `${base}/get_reward`;
  const cases: [unknown, Record<string, string>, number, RegExp][] = [
    ["{", {}, 400, /Cannot read the body: .*JSON/],
    ["", {}, 400, /Cannot read the body/],
    [Uint8Array.of(0x22, 0xff, 0x22), {}, 400, /not valid UTF-8/],
    ["[".repeat(400), {}, 400, /Cannot read the body/],
    ["null", {}, 400, /in the body, /],
    [{}, {}, 400, /query: expected a text, or a list of texts/],
    [{ query: [1] }, {}, 400, /query: expected a text/],
    [{ query: [] }, {}, 400, /0 items/],
    [{ query: Array<string>(33).fill("a") }, {}, 400, /33 items in one request: expected 1 to 32/],
    [{ query: "a", prompts: 1 }, {}, 400, /prompts: /],
    [{ query: "a" }, { "content-type": "text/plain" }, 415, /expected application\/json/],
    [{ query: "a" }, { "content-encoding": "gzip" }, 415, /content-encoding "gzip"/],
    [{ query: "a".repeat(600) }, {}, 413, /at most 500 bytes/],
  ];
  for (const [body, headers, status, text] of cases) {
    const answer = await post(url, body, headers);
    assert.equal(answer.status, status, JSON.stringify(body));
    assert.match(answer.body.error ?? "", text);
  }
  for (
    const [search, text] of [["x=1", /"x"/], ["truncate=1", /true or false/], [
      "input=a",
      /pair/,
    ]] as const
  ) {
    const answer = await post(`${url}?${search}`, { query: "a" });
    assert.equal(answer.status, 400);
    assert.match(answer.body.error ?? "", text);
  }
  assert.equal((await post(`${url}?label=x`, { query: "a" })).status, 400);
  assert.equal((await post(`${base}/other`, {})).status, 404);
  const get = await fetch(url);
  assert.deepEqual([get.status, get.headers.get("allow")], [405, "POST"]);
  await get.body?.cancel();
});

Deno.test("get_reward: a token, as bearer or in the URL as Basic credentials, and nobody without one", async () => {
  const logger = createLogger({ service: "test", write: () => {} });
  const tokens = [
    { sha256: tokenHash("secret"), identity: "spiffe://decorum/client/rlhf" },
    { sha256: tokenHash("other"), identity: "spiffe://decorum/stranger" },
  ];
  const table = {
    allow: { "decorum.reward.v1.RewardService/*": ["spiffe://decorum/client/*"] },
    tokens: () => tokens,
  };
  const authorizer = new Authorizer(table, { logger });
  await using reward = await open({}, { security: { authorizer } });
  const url = `${reward.url()}/get_reward`;
  const body = { query };
  const basic = (text: string) => ({ authorization: `Basic ${btoa(text)}` });
  assert.equal((await post(url, body, { authorization: "Bearer secret" })).status, 200);
  assert.equal((await post(url, body, basic("rlhf:secret"))).status, 200);
  const none = await post(url, body);
  assert.equal(none.status, 401);
  assert.match(none.headers.get("www-authenticate") ?? "", /Basic/);
  assert.equal((await post(url, body, basic("rlhf:wrong"))).status, 401);
  assert.equal((await post(url, body, { authorization: "Bearer other" })).status, 403);
  // Refused before the body is looked at.
  assert.equal((await post(url, "{", { "content-type": "x" })).status, 401);
  const health = await fetch(`${reward.url()}/healthz`);
  assert.equal(health.status, 200);
  await health.body?.cancel();
});

Deno.test("get_reward: overload is 429 with Retry-After; a caller that leaves costs nothing", async () => {
  await using reward = await open({
    limits: limitsOf({ max_queue_items: 3 }),
    batching: { max_delay_ms: 1000, max_items: 64, max_tokens: 4096 },
  });
  const url = `${reward.url()}/get_reward`;
  const kept = post(url, { query });
  await sleep(100);
  const full = await post(url, { query });
  assert.equal(full.status, 429);
  assert.equal(full.headers.get("retry-after"), "1");
  assert.equal((await kept).status, 200);
  const gone = new AbortController();
  const left = fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query }),
    signal: gone.signal,
  });
  await sleep(100);
  gone.abort();
  await assert.rejects(left);
  await sleep(50);
  assert.equal((await post(url, { query })).status, 200);
});

Deno.test("healthz: serving once the model is loaded and until the process is to end", async () => {
  await using reward = await open({}, { loaded: false });
  const loading = reward.started.load();
  await sleep(1);
  const health = async () => {
    const response = await fetch(`${reward.url()}/healthz`);
    return [response.status, await response.json()];
  };
  await loading;
  assert.deepEqual(await health(), [200, { status: "serving" }]);
  reward.started.draining?.();
  assert.deepEqual(await health(), [503, { status: "not serving" }]);
  const refused = await post(`${reward.url()}/get_reward`, { query });
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
});

/** What comes back over a connection until it is closed. */
async function exchange(port: number, parts: readonly (string | number)[]): Promise<string> {
  const socket: Socket = connect(port, "127.0.0.1");
  let found = "";
  socket.setEncoding("utf8").on("data", (text: string) => void (found += text));
  const closed = new Promise<void>((resolve) => {
    socket.on("close", () => resolve());
    socket.on("error", () => resolve());
  });
  for (const part of parts) {
    if (typeof part === "number") await sleep(part);
    else socket.write(part);
  }
  await closed;
  return found;
}

Deno.test("what is no HTTP is answered and closed", async () => {
  await using reward = await open();
  const port = Number(new URL(reward.url()).port);
  const head = "POST /get_reward HTTP/1.1\r\nHost: x\r\n";
  assert.match(await exchange(port, ["\0\x01 garbage\r\n\r\n"]), /^HTTP\/1\.1 400 /);
  assert.match(
    await exchange(port, [`${head}X: ${"a".repeat(50_000)}\r\n\r\n`]),
    /^HTTP\/1\.1 431 |^$/,
  );
  assert.match(
    await exchange(port, [
      `${head}Content-Type: application/json\r\nContent-Length: 99999999\r\n\r\n`,
    ]),
    /^HTTP\/1\.1 413 [^]*connection: close/i,
  );
  assert.match(
    await exchange(port, [
      `${head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
      "zz\r\n",
    ]),
    /^HTTP\/1\.1 400 /,
  );
  assert.equal((await post(`${reward.url()}/get_reward`, { query })).status, 200);
});
