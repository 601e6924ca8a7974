import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createClient, inference, inferenceService, rewardService, RpcError } from "@decorum/rpc";
import type { RewardConfig } from "@decorum/settings";
import { LABELS } from "@decorum/testing/classifier";
import { limitsOf, openReward } from "../testing/open_reward.ts";

async function open(fields: Partial<RewardConfig> = {}, loaded = true) {
  const reward = await openReward(fields, { loaded });
  const options = { address: reward.server.address };
  const client = createClient(inferenceService, options);
  const typed = createClient(rewardService, options);
  const model = reward.folder.path.split("/").at(-1)!;
  return {
    ...reward,
    client,
    typed,
    model,
    async [Symbol.asyncDispose]() {
      client.close();
      typed.close();
      await reward[Symbol.asyncDispose]();
    },
  };
}

const texts = ["you fool", "", "ok."];
const bytes = (values: readonly string[]) => values.map((text) => Buffer.from(text));
const rawOf = (values: readonly string[]) =>
  Buffer.concat(
    bytes(values).flatMap((text) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(text.length);
      return [length, text];
    }),
  );
const input = (values: readonly string[], name = "text", shape = [values.length]) => ({
  name,
  datatype: "BYTES",
  shape,
  contents: { bytesContents: bytes(values) },
});
const rawInput = (count: number, name = "text") => ({ name, datatype: "BYTES", shape: [count] });
const floats = (raw: Buffer) =>
  Array.from({ length: raw.length / 4 }, (_, i) => raw.readFloatLE(4 * i));
const refused = (code: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RpcError, `${error}`);
  assert.equal(error.code, code, error.details);
  assert.match(error.details, text);
  return true;
};

Deno.test("inference: metadata, readiness and configuration of the model in service", async () => {
  await using reward = await open({}, false);
  const { client, model } = reward;
  assert.deepEqual(await client.serverLive({}), { live: true });
  assert.deepEqual(await client.serverReady({}), { ready: false });
  assert.deepEqual(await client.modelReady({ name: model }), { ready: false });
  await assert.rejects(
    client.modelMetadata({ name: model }, { deadlineMs: 400 }),
    (error: RpcError) => ["UNAVAILABLE", "DEADLINE_EXCEEDED"].includes(error.code),
  );
  await reward.started.load();
  assert.deepEqual(await client.serverReady({}), { ready: true });
  assert.deepEqual(await client.modelReady({ name: model }), { ready: true });
  assert.deepEqual(await client.modelReady({ name: "other" }), { ready: false });
  const { modelVersion: version } = await reward.typed.getInfo({});
  assert.deepEqual(await client.modelMetadata({ name: model, version }), {
    name: model,
    versions: [version],
    platform: "decorum_onnx",
    inputs: ["text", "prompt"].map((name) => ({ name, datatype: "BYTES", shape: [-1] })),
    outputs: [
      { name: "score", datatype: "FP32", shape: [-1] },
      { name: "logits", datatype: "FP32", shape: [-1, LABELS.length] },
      { name: "label", datatype: "BYTES", shape: [-1] },
    ],
  });
  const { config } = await client.modelConfig({ name: model });
  assert.equal(config?.input[1]?.optional, true);
  assert.equal(config?.dynamicBatching?.maxQueueDelayMicroseconds, 2000);
  assert.deepEqual((await client.repositoryIndex({ ready: true })).models.map((m) => m.state), [
    "READY",
  ]);
  assert.equal((await client.serverMetadata({})).name, "decorum");
  await assert.rejects(
    client.modelMetadata({ name: "other" }),
    refused("NOT_FOUND", /unknown model: 'other'/),
  );
  await assert.rejects(
    client.modelInfer({ modelName: model, modelVersion: "2", inputs: [input(texts)] }),
    refused("NOT_FOUND", /version 2 is not found/),
  );
});

Deno.test("inference: typed and raw contents are answered in kind, with the typed door's scores", async () => {
  await using reward = await open();
  const { client, typed, model: modelName } = reward;
  const expected = await typed.score({ items: texts.map((response) => ({ response })) });
  const logits = expected.results.flatMap((result) => result.logits);
  const labels = expected.results.map((result) =>
    LABELS[result.logits.indexOf(Math.max(...result.logits))]!
  );

  const asTyped = await client.modelInfer({ modelName, id: "a", inputs: [input(texts)] });
  assert.deepEqual(
    asTyped.outputs.map(({ name, datatype, shape }) => [name, datatype, shape]),
    [["score", "FP32", [3]], ["logits", "FP32", [3, 3]], ["label", "BYTES", [3]]],
  );
  assert.equal(asTyped.id, "a");
  assert.equal(asTyped.modelVersion, expected.modelVersion);
  const contents = asTyped.outputs.map((output) => output.contents!);
  near(contents[0]!.fp32Contents, expected.results.map(({ score }) => score));
  near(contents[1]!.fp32Contents, logits);
  assert.deepEqual(contents[2]!.bytesContents.map(String), labels);
  assert.deepEqual(asTyped.rawOutputContents, []);

  const asRaw = await client.modelInfer({
    modelName,
    inputs: [rawInput(3)],
    rawInputContents: [rawOf(texts)],
    outputs: [{ name: "label" }, { name: "score" }],
  });
  assert.deepEqual(asRaw.outputs.map(({ name }) => name), ["label", "score"]);
  assert.ok(asRaw.rawOutputContents[0]!.equals(rawOf(labels)));
  near(floats(asRaw.rawOutputContents[1]!), expected.results.map(({ score }) => score));

  const column = await client.modelInfer({
    modelName,
    inputs: [input(texts, "text", [3, 1])],
    parameters: { label: { stringParam: "unsure" } },
    outputs: [{ name: "score" }],
  });
  assert.deepEqual(column.outputs[0]!.shape, [3, 1]);
  near(column.outputs[0]!.contents!.fp32Contents, expected.results.map((r) => r.logits[2]!));
});

function near(found: readonly number[], expected: readonly number[]): void {
  assert.equal(found.length, expected.length);
  found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]!) <= 1e-5, `${i}: ${value}`));
}

Deno.test("inference: prompts make pairs, which are cut and told where asked for", async () => {
  await using reward = await open();
  const { client, typed, model: modelName } = reward;
  const [query, response] = ["b".repeat(40), "you fool"];
  const pair = [input([response]), input([query], "prompt")];
  await assert.rejects(
    client.modelInfer({ modelName, inputs: pair }),
    refused("INVALID_ARGUMENT", /element 0 of input 'text': it has 50 tokens, at most 32/),
  );
  const expected = await typed.score({ items: [{ query, response }], truncate: true });
  const found = await client.modelInfer({
    modelName,
    inputs: pair,
    parameters: { truncate: { boolParam: true } },
  });
  near(found.outputs[0]!.contents!.fp32Contents, [expected.results[0]!.score]);
  assert.equal(found.parameters["truncated_tokens"]?.stringParam, "[18]");
});

Deno.test("inference: what is wrong is said under Triton's codes", async () => {
  await using reward = await open({ label: null });
  const { client, model: modelName } = reward;
  const raw = rawOf(texts);
  const score = { outputs: [{ name: "score" }] };
  const cases: [Partial<inference.ModelInferRequest>, RegExp][] = [
    [{}, /expected input 'text'.*got 0 inputs/],
    [{ inputs: [input(texts, "words")] }, /unexpected inference input 'words' for model/],
    [{ inputs: [input(texts), input(texts)] }, /came twice/],
    [{ inputs: [{ ...input(texts), datatype: "INT32" }] }, /data-type is 'INT32'.* 'BYTES'/],
    [{ inputs: [input(texts, "text", [3, 2])] }, /unexpected shape.* got \[3,2\]/],
    [{ inputs: [input(texts, "text", [])] }, /unexpected shape.* got \[\]/],
    [{ inputs: [input(texts, "text", [-1])] }, /unexpected shape.* got \[-1\]/],
    [{ inputs: [input(texts, "text", [2 ** 52])] }, /expected 4503599627370496.*got 3/],
    [{ inputs: [input(texts, "text", [2])] }, /expected 2 in bytes_contents, got 3/],
    [{ inputs: [{ ...rawInput(1), contents: { intContents: [1] } }] }, /expected 1 in bytes/],
    [{ inputs: [input(texts)], rawInputContents: [raw] }, /must not be specified when using raw/],
    [{ inputs: [rawInput(3)], rawInputContents: [raw, raw] }, /expected tensor data for 1/],
    [{ inputs: [rawInput(3)], rawInputContents: [raw.subarray(1)] }, /incomplete string data/],
    [{ inputs: [rawInput(3)], rawInputContents: [raw.subarray(0, 9)] }, /incomplete string data/],
    [{ inputs: [rawInput(4)], rawInputContents: [raw] }, /expected 4.*got 3/],
    [{ inputs: [rawInput(2)], rawInputContents: [raw] }, /unexpected additional bytes/],
    [{ inputs: [input(texts), input(["a"], "prompt")] }, /'prompt'.* Expected that of 'text'/],
    [{ inputs: [input(texts)], outputs: [{ name: "x" }] }, /unexpected inference output 'x'/],
    [{ inputs: [input(texts)], ...score }, /without a label.* "nothate", "hate", "unsure"/],
    [{ inputs: [input(texts)], parameters: { label: { boolParam: true } } }, /'label' is a bool/],
    [{ inputs: [input(texts)], parameters: { label: { stringParam: "x" } } }, /Cannot score label/],
    [{ inputs: [input(Array<string>(33).fill("a"))], outputs: [{ name: "label" }] }, /33 items/],
    [{
      inputs: [{ ...rawInput(1), contents: { bytesContents: [Buffer.of(0xff, 0xfe)] } }],
    }, /element 0 of input 'text'.* not valid UTF-8/],
    [{
      inputs: [{ ...rawInput(1), parameters: { shared_memory_region: { stringParam: "r" } } }],
    }, /shared memory is not offered/],
    [{
      inputs: [input(texts)],
      outputs: [{ name: "logits", parameters: { classification: { int64Param: 2 } } }],
    }, /classification extension is not offered/],
  ];
  for (const [request, text] of cases) {
    await assert.rejects(
      client.modelInfer({ modelName, ...request }),
      refused("INVALID_ARGUMENT", text),
      JSON.stringify(request),
    );
  }
  const named = await client.modelInfer({
    modelName,
    inputs: [input(texts)],
    outputs: [{ name: "label" }],
  });
  assert.equal(named.outputs.length, 1);
});

Deno.test("inference: overload and a timeout in the queue are told as Triton tells them", async () => {
  const batching = { max_delay_ms: 300, max_items: 64, max_tokens: 4096 };
  await using reward = await open({ limits: limitsOf({ max_queue_items: 3 }), batching });
  const { client, model: modelName } = reward;
  const late = client.modelInfer({
    modelName,
    inputs: [input(texts)],
    parameters: { timeout: { int64Param: 1000 } },
  });
  late.catch(() => {});
  await client.serverLive({});
  await assert.rejects(
    client.modelInfer({ modelName, inputs: [input(texts)] }, { deadlineMs: 60 }),
    (error: RpcError) => ["UNAVAILABLE", "DEADLINE_EXCEEDED"].includes(error.code),
  );
  await assert.rejects(
    late,
    refused("DEADLINE_EXCEEDED", /passed before the request was answered/),
  );
});

Deno.test("inference: a stream answers each request once, an error in its place", async () => {
  await using reward = await open();
  const { client, model: modelName } = reward;
  const requests = [texts, ["a".repeat(60)], ["ok."]].map((values, i) => ({
    modelName,
    id: `r${i}`,
    inputs: [input(values)],
  }));
  const found = [];
  for await (const answer of client.modelStreamInfer(requests)) found.push(answer);
  assert.deepEqual(found.map(({ inferResponse }) => inferResponse?.id), ["r0", "r1", "r2"]);
  assert.match(found[1]!.errorMessage, /^INVALID_ARGUMENT: Cannot score element 0/);
  assert.deepEqual(found.map(({ errorMessage }) => errorMessage === ""), [true, false, true]);
});

Deno.test("inference: statistics count what all doors asked of the model", async () => {
  await using reward = await open();
  const { client, typed, model: modelName } = reward;
  await client.modelInfer({ modelName, inputs: [input(texts)] });
  await typed.score({ items: [{ response: "a" }] });
  await assert.rejects(typed.score({ items: [] }));
  const { modelStats: [stats] } = await client.modelStatistics({});
  assert.equal(stats?.name, modelName);
  assert.deepEqual([stats?.inferenceCount, stats?.executionCount], [4, 2]);
  assert.deepEqual(stats?.batchStats.map(({ batchSize }) => batchSize), [1, 3]);
  const { success, fail, queue, computeInfer } = stats!.inferenceStats!;
  assert.deepEqual([success?.count, fail?.count, queue?.count], [2, 1, 2]);
  assert.ok(computeInfer!.ns > 0 && computeInfer!.ns <= success!.ns);
  assert.ok(Math.abs(Date.now() - stats!.lastInference) < 60_000);
});
