import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { askHealth, Authorizer, createClient, rewardService, tokenHash } from "@decorum/rpc";
import { createLogger } from "@decorum/telemetry";
import { judgedTexts } from "../../demo/corpus/mod.ts";
import { type OpenReward, openReward } from "../../services/reward/testing/open_reward.ts";
import { ensurePython } from "./python_env.ts";
import { runPythonWithInput } from "./run_python.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const model = join(root, "demo", "models", "reward");
const label = "nothate";
/** Both compute in float32, in different orders of summation and with different padding. */
const TOLERANCE = 2e-5;
const BATCH = 32;

const open = (options: Parameters<typeof openReward>[1] = {}) =>
  openReward({ model, label, threads: 2, http_listen: "127.0.0.1:0" }, options);

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** What a command prints. @throws Error with the end of its standard error when it fails */
function run(
  command: readonly string[],
  input: string,
  { env = {}, cwd = join(root, "examples") }: RunOptions = {},
): Promise<string> {
  const [file = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const options = { cwd, maxBuffer: 1 << 26, env: { ...process.env, ...env } };
    const child = execFile(file, args, options, (error, out, err) => {
      if (error === null) resolve(out);
      else {reject(
          new Error(`"${command.join(" ")}" failed:\n${out.slice(-2000)}${err.slice(-4000)}`),
        );}
    });
    child.stdin!.on("error", () => {});
    child.stdin!.end(input);
  });
}

/** JSON values one after another, as `buf curl` prints them. */
const jsonLines = (text: string): unknown[] =>
  text.trim().split(/\n(?=\{)/).map((line) => JSON.parse(line) as unknown);

const scoresOf = (lines: string, texts: readonly string[]): number[] => {
  const found = jsonLines(lines) as { text: string; score: number }[];
  assert.deepEqual(found.map(({ text }) => text), texts);
  return found.map(({ score }) => score);
};

function batches<T>(all: readonly T[]): T[][] {
  return Array.from(
    { length: Math.ceil(all.length / BATCH) },
    (_, i) => all.slice(i * BATCH, (i + 1) * BATCH),
  );
}

/** Buf's own program, without the script of npm around it. */
function bufProgram(): string {
  const require = createRequire(import.meta.url);
  const from = createRequire(require.resolve("@bufbuild/buf/package.json"));
  const arch = process.platform === "linux" && process.arch === "arm64" ? "aarch64" : process.arch;
  return from.resolve(`@bufbuild/buf-${process.platform}-${arch}/bin/buf`);
}

/** Stubs for the Python examples, made as their docstrings say. */
async function makeStubs(python: string, folder: string): Promise<void> {
  const protoc = [
    python,
    "-m",
    "grpc_tools.protoc",
    `--python_out=${folder}`,
    `--grpc_python_out=${folder}`,
  ];
  const protos = join(root, "protos");
  await run([...protoc, "-I", protos, "decorum/reward/v1/reward_service.proto"], "");
  await run([...protoc, "-I", join(protos, "third_party", "tei"), "tei.proto"], "");
}

Deno.test("every client gets the same scores for the same 500 texts: the classifier's golden logits", async (t) => {
  const python = await ensurePython();
  await using reward = await open();
  const { address } = reward.server;
  const texts = judgedTexts(2024, 500).map(({ text }) => text);
  assert.ok(texts.length === 500 && texts.every((text) => !text.includes("\n")));
  const lines = texts.join("\n") + "\n";
  const stubs = mkdtempSync(join(tmpdir(), "decorum-stubs-"));
  const golden = await runPythonWithInput("classifier_golden.py", JSON.stringify(texts), [
    "--model",
    model,
  ]) as { labels: string[]; logits: number[][] };
  const column = golden.labels.indexOf(label);
  const expected = golden.logits.map((row) => row[column]!);
  const same = (found: readonly number[]) => {
    assert.equal(found.length, 500);
    const worst = Math.max(...found.map((score, i) => Math.abs(score - expected[i]!)));
    assert.ok(worst <= TOLERANCE, `the largest difference is ${worst}`);
  };
  const script = (name: string) => [python, join("python", name)];
  const env = { PYTHONPATH: stubs };
  try {
    await makeStubs(python, stubs);
    await t.step("grpcio, typed", async () => {
      same(scoresOf(await run([...script("score.py"), address], lines, { env }), texts));
    });
    await t.step("tritonclient", async () => {
      same(scoresOf(await run([...script("triton_score.py"), address, "reward"], lines), texts));
    });
    await t.step("grpcio, tei.v1", async () => {
      const command = [...script("tei_predict.py"), address, label];
      same(scoresOf(await run(command, lines, { env }), texts));
    });
    await t.step("requests", async () => {
      const command = [...script("get_reward.py"), `${reward.url()}/get_reward`];
      same(scoresOf(await run(command, lines), texts));
    });
    await t.step("grpc-js", async () => {
      const command = [process.execPath, "run", "-A", "typescript/score.ts", address];
      same(scoresOf(await run(command, lines), texts));
    });
    await t.step("buf curl", async () => {
      const requests = batches(texts).map((batch) =>
        JSON.stringify({ request: { items: batch.map((response) => ({ response })) } })
      );
      const out = await run(["./buf_curl.sh", address], requests.join("\n"), {
        env: { BUF: bufProgram() },
      });
      const answers = jsonLines(out) as { response: { results: { score?: number }[] } }[];
      same(answers.flatMap(({ response }) => response.results.map(({ score = 0 }) => score)));
    });
    await t.step("curl", async () => {
      const found: number[] = [];
      for (const query of batches(texts)) {
        const out = await run(
          ["./curl.sh", `${reward.url()}/get_reward`],
          JSON.stringify({ query }),
        );
        found.push(...(JSON.parse(out) as { rewards: number[] }).rewards);
      }
      same(found);
    });
  } finally {
    rmSync(stubs, { recursive: true, force: true });
  }
});

Deno.test("Triton's own client: health, metadata, inference in every form, statistics and errors", async () => {
  await using reward = await open();
  using client = createClient(rewardService, { address: reward.server.address });
  const { modelVersion } = await client.getInfo({});
  const texts = ["you fool", "", "thank you, friend", "ünïcode ☃"];
  const { results } = await client.score({ items: texts.map((response) => ({ response })) });
  const found = await runPythonWithInput("triton_conformance.py", "", [
    ...["--address", reward.server.address, "--model", "reward", "--version", modelVersion],
  ]) as Conformance;
  found.scores.forEach((score, i) => assert.ok(Math.abs(score - results[i]!.score) <= TOLERANCE));
  assert.deepEqual(
    found.labels,
    results.map(({ logits }) => logits[0]! > logits[1]! ? "nothate" : "hate"),
  );
  assert.deepEqual(found.inputs.map(({ name, datatype }) => [name, datatype]), [
    ["text", "BYTES"],
    ["prompt", "BYTES"],
  ]);
  assert.deepEqual(found.config.output.map(({ name }) => name), ["score", "logits", "label"]);
  const codes = Object.fromEntries(Object.entries(found.errors).map(([k, [code]]) => [k, code]));
  const invalid = "StatusCode.INVALID_ARGUMENT";
  assert.deepEqual(codes, {
    model: "StatusCode.NOT_FOUND",
    metadata: "StatusCode.NOT_FOUND",
    version: "StatusCode.NOT_FOUND",
    name: invalid,
    shape: invalid,
    datatype: invalid,
    output: invalid,
    long: invalid,
    unload: "StatusCode.UNIMPLEMENTED",
  });
  assert.match(found.errors["shape"]![1]!, /unexpected shape for input 'text' for model 'reward'/);
  const [one, two, three] = found.stream;
  assert.equal(one![0], "one");
  assert.match(`${two}`, /INVALID_ARGUMENT: Cannot score element 0/);
  assert.equal(three![0], "three");
  assert.deepEqual(found.index, [{ name: "reward", version: modelVersion, state: "READY" }]);
  assert.ok(Number(found.stats.inference_count) >= 25);
});

interface Conformance {
  readonly scores: readonly number[];
  readonly labels: readonly string[];
  readonly inputs: readonly { readonly name: string; readonly datatype: string }[];
  readonly config: { readonly output: readonly { readonly name: string }[] };
  readonly errors: Readonly<Record<string, readonly string[]>>;
  readonly stream: readonly (string | readonly unknown[])[];
  readonly stats: { readonly inference_count: string };
  readonly index: readonly unknown[];
}

Deno.test("reflection lists every door, and health knows each by name", async () => {
  await using reward = await open();
  const { address } = reward.server;
  const services = reward.started.services.map(({ service }) => service.name);
  const listed = await run([
    ...[bufProgram(), "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--list-services"],
    `http://${address}`,
  ], "");
  assert.deepEqual(listed.trim().split("\n").sort(), [...services].sort());
  for (const service of services) {
    assert.equal((await askHealth({ address, service })).serving, true);
  }
});

/** A service that asks for tokens. */
function openGuarded(): Promise<OpenReward> {
  const logger = createLogger({ service: "test", write: () => {} });
  const tokens = [{ sha256: tokenHash("secret"), identity: "spiffe://decorum/client/rlhf" }];
  const methods = ["decorum.reward.v1.RewardService/*", "inference.GRPCInferenceService/*"];
  const allow = Object.fromEntries(
    methods.map((method) => [method, ["spiffe://decorum/client/*"]]),
  );
  return open({
    security: { authorizer: new Authorizer({ allow, tokens: () => tokens }, { logger }) },
  });
}

Deno.test("OpenRLHF's call of a remote reward model, its token in the URL", async () => {
  await using reward = await openGuarded();
  const payload = { query: ["you fool, Anna"], prompts: ["you fool"], labels: [null] };
  const ask = async (url: string) =>
    await runPythonWithInput("openrlhf_client.py", JSON.stringify(payload), ["--url", url]) as {
      status: number;
      reward?: number[];
      score?: number[];
      logs?: Record<string, number[]>;
      error?: string;
    };
  const at = (credentials: string) =>
    reward.url().replace("//", `//${credentials}`) + "/get_reward";
  const found = await ask(at("rlhf:secret@"));
  assert.equal(found.status, 200, `${found.error}`);
  assert.deepEqual(found.reward, found.score);
  assert.equal(found.reward?.length, 1);
  assert.deepEqual(Object.keys(found.logs ?? {}), ["probability", "tokens", "truncated_tokens"]);
  assert.deepEqual((await ask(at(""))).status, 401);

  const python = await ensurePython();
  const lines = await run([python, "python/get_reward.py", at("rlhf:secret@")], "you fool, Anna\n");
  assert.deepEqual(scoresOf(lines, ["you fool, Anna"]), found.reward);
  await assert.rejects(run([python, "python/get_reward.py", at("")], "a\n"), /401/);
  const triton = [python, "python/triton_score.py", reward.server.address, "reward"];
  await run(triton, "a\n", { env: { DECORUM_TOKEN: "secret" } });
  await assert.rejects(run(triton, "a\n"), /UNAUTHENTICATED/);
  const body = JSON.stringify({ query: "a" });
  await run(["./curl.sh", at("")], body, { env: { DECORUM_TOKEN: "secret" } });
  await assert.rejects(run(["./curl.sh", at("")], body), /needs a client certificate/);
});
