import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildDecodeGraph, buildEncodeGraph, cacheNames, Generator } from "@decorum/generation";
import { buildPpoGraph, PpoLearner } from "@decorum/learning";
import {
  buildForwardGraph,
  initAdapter,
  loadT5Config,
  loraScaling,
  type ModelGraph,
  openCheckpoint,
  type PolicySpec,
  type Sequence,
  T5,
  t5LinearLayers,
  tokenBatch,
  Weights,
} from "@decorum/models";
import { encodeModel, GraphBuilder } from "@decorum/onnx";
import { createSession } from "@decorum/runtime";
import {
  castTensor,
  type ComputeType,
  float32,
  int64,
  normals,
  randomKey,
  readSafetensors,
  type Tensor,
  tensor,
  writeSafetensors,
  zeros,
} from "@decorum/tensor";
import { classifierGraph, fullLoss, goldenModel, lora, trainedOf } from "./emitted_graphs.ts";
import { emulateHalf } from "./emulate_half.ts";

const halves = ["float16", "bfloat16"] as const;

/**
 * bfloat16 has 3 bits of fraction fewer than float16, and random models of width 32 average little away:
 * on these models and tokens transformers 5.18 differs from its own fp32 by up to 0.0056 in fp16 and 0.034
 * in bf16 (largest error over largest logit, torch 2.13 on a CPU).
 */
const logitTolerance = { float16: 1e-2, bfloat16: 3e-2 } as const;
/** Of the whole gradient's norm; 0.004 and 0.048 when written. */
const gradientTolerance = { float16: 1e-2, bfloat16: 8e-2 } as const;

const sequences: Sequence[] = [
  { query: [5, 6, 7, 8, 9, 1], response: [9, 30, 11, 1] },
  { query: [15, 16, 1], response: [19, 20, 41, 52, 63, 1] },
];

/** Runs a graph on the CPU with half precision emulated. */
async function run(
  { graph, files }: ModelGraph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  await using session = await createSession(
    { bytes: encodeModel(emulateHalf(graph)), externalData: Object.fromEntries(files) },
    { name: graph.name, intraOpThreads: 1 },
  );
  return await session.run(
    Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]!])),
  );
}

/** A model folder with its weights changed; removed with its scope. */
function changedModel(
  name: string,
  change: (key: string, weight: Tensor) => Tensor,
): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "decorum-half-"));
  cpSync(goldenModel(name), path, { recursive: true });
  const weights = readSafetensors(join(path, "model.safetensors"));
  writeSafetensors(
    join(path, "model.safetensors"),
    new Map([...weights].map(([key, weight]) => [key, change(key, weight)])),
  );
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

const storedAs = (dtype: ComputeType) => (_key: string, weight: Tensor) =>
  castTensor(weight, dtype);

/** Largest difference over the largest expected magnitude. */
function relativeError(found: Tensor, expected: Tensor): number {
  const [a, b] = [found.data as Float32Array, expected.data as Float32Array];
  assert.deepEqual([found.dtype, found.dims], ["float32", expected.dims]);
  const magnitude = b.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0) / magnitude;
}

/** |found - expected| / |expected| over all parameters together. */
function normError(found: readonly Tensor[], expected: readonly Tensor[]): number {
  let [difference, norm] = [0, 0];
  found.forEach(({ dtype, data }, i) => {
    assert.equal(dtype, "float32");
    (data as Float32Array).forEach((x, j) => {
      const y = Number(expected[i]!.data[j]);
      difference += (x - y) ** 2;
      norm += y ** 2;
    });
  });
  return Math.sqrt(difference / norm);
}

function t5Logits(folder: string, computeType: ComputeType): Promise<Tensor> {
  using index = openCheckpoint(folder);
  const config = loadT5Config(folder);
  const graph = new GraphBuilder("logits");
  const input = (name: string, time: string) => graph.input(name, "int64", ["batch", time]);
  const weights = new Weights(graph, index, { computeType });
  const t5 = new T5(config, weights);
  const encoded = t5.encode(input("input_ids", "source"), input("attention_mask", "source"));
  graph.output(t5.logits(t5.decode(input("decoder_input_ids", "target"), encoded)), "logits");
  const { feeds } = tokenBatch(sequences, config);
  return run({ graph: graph.build(), files: weights.files }, feeds).then((out) => out["logits"]!);
}

for (const model of ["t5_lora_grad_flan", "t5_lora_grad_v10"]) {
  for (const stored of ["float32", ...halves] as const) {
    Deno.test(`${model} stored as ${stored}: logits of half precision are near fp32's`, async () => {
      using changed = changedModel(model, storedAs(stored));
      const expected = await t5Logits(changed.path, "float32");
      for (const computeType of halves) {
        const error = relativeError(await t5Logits(changed.path, computeType), expected);
        assert.ok(error > 0 && error < logitTolerance[computeType], `${computeType}: ${error}`);
      }
    });
  }
}

for (const model of ["bert_classify", "roberta_classify"]) {
  Deno.test(`${model}: logits of half precision are within 1e-2`, async () => {
    const feeds = {
      input_ids: int64([2, 5], [2, 7, 8, 9, 3, 2, 11, 3, 1, 1]),
      attention_mask: int64([2, 5], [1, 1, 1, 1, 1, 1, 1, 1, 0, 0]),
      token_type_ids: zeros("int64", [2, 5]),
    };
    const logits = async (type: ComputeType) =>
      (await run(classifierGraph(goldenModel(model), type), feeds))["logits"]!;
    const expected = await logits("float32");
    for (const computeType of halves) {
      const error = relativeError(await logits(computeType), expected);
      assert.ok(error > 0 && error < 1e-2, `${computeType}: ${error}`);
    }
  });
}

Deno.test("products of wo beyond float16's 65504 stay finite and right", async () => {
  using changed = changedModel("t5_lora_grad_flan", (key, weight) => {
    if (!key.endsWith(".wo.weight")) return weight;
    return tensor("float32", weight.dims, (weight.data as Float32Array).map((x) => x * 1e6));
  });
  const expected = await t5Logits(changed.path, "float32");
  const error = relativeError(await t5Logits(changed.path, "float16"), expected);
  assert.ok(error < 1e-2, `${error}`);
});

/** A policy with an adapter that changes it, and the feeds of one batch. */
function policyCase(computeType: ComputeType) {
  const folder = goldenModel("t5_lora_grad_flan");
  const config = loadT5Config(folder);
  const index = openCheckpoint(folder);
  const spec: PolicySpec = { config, index, computeType, lora, valueHead: true };
  const noise = (name: string, dims: readonly number[], scale: number) => {
    const count = dims.reduce((n, d) => n * d, 1);
    return float32(dims, normals(randomKey(5, name), 0, count).map((x) => scale * x));
  };
  const adapter = initAdapter(lora, t5LinearLayers(config), 3);
  const weights: Record<string, Tensor> = {
    ...Object.fromEntries(
      [...adapter].map(([name, { dims }]) => [name, noise(name, dims, 0.2)]),
    ),
    "v_head.summary.weight": noise("value head", [1, config.d_model], 0.2),
    "v_head.summary.bias": zeros("float32", [1]),
    lora_scale: float32([], [loraScaling(lora)]),
    temperature: float32([], [1]),
  };
  return { config, index, spec, weights, noise };
}

for (const computeType of halves) {
  Deno.test(`gradients in ${computeType} are float32 and near fp32's, also of a small loss`, async () => {
    // No clipping: on which side of a clip a token falls is no matter of rounding.
    const loss = { cliprange: 1e3, cliprangeValue: 1e3, vfCoef: 0 };
    for (const scale of [1, 1e-4]) {
      const gradients = async (type: ComputeType) => {
        const { config, index, spec, weights, noise } = policyCase(type);
        using _index = index;
        const batch = tokenBatch(sequences, config);
        const rows = zeros("float32", [batch.tokens]);
        const wrt = trainedOf(spec);
        const out = await run(buildPpoGraph(spec, loss, wrt), {
          ...batch.feeds,
          ...weights,
          old_logprobs: float32([batch.tokens], Array(batch.tokens).fill(-5)),
          advantages: noise("advantages", [batch.tokens], scale),
          old_values: rows,
          returns: rows,
        });
        return wrt.filter((name) => !name.startsWith("v_head.")).map((name) =>
          out[`${name}_grad`]!
        );
      };
      const error = normError(await gradients(computeType), await gradients("float32"));
      assert.ok(error > 0 && error < gradientTolerance[computeType], `${error}`);
    }
  });

  Deno.test(`ratio is 1 within 1e-2 between decoding with a cache and a whole forward in ${computeType}`, async () => {
    const { config, index, spec, weights } = policyCase(computeType);
    using _index = index;
    const batch = sequences.length;
    const { input_ids, attention_mask } = tokenBatch(sequences, config).feeds;
    const source = { input_ids: input_ids!, attention_mask: attention_mask! };
    const { encoder_hidden } = await run(buildEncodeGraph(spec), { ...source, ...weights });
    const steps = 8;
    const caches = Array.from({ length: config.num_decoder_layers }, (_, i) => {
      const [keys, values] = cacheNames(i);
      return {
        [keys]: zeros("float32", [batch, config.num_heads, config.d_kv, 0]),
        [values]: zeros("float32", [batch, config.num_heads, 0, config.d_kv]),
      };
    });
    const out = await run(buildDecodeGraph(spec), {
      ...source,
      ...weights,
      ...Object.assign({}, ...caches) as Record<string, Tensor>,
      encoder_hidden: encoder_hidden!,
      tokens: int64([batch], Array(batch).fill(config.decoder_start_token_id)),
      done: zeros("bool", [batch]),
      uniforms: float32(
        [steps, batch],
        Array.from({ length: steps * batch }, (_, i) => (i * 0.37) % 1),
      ),
      min_new_tokens: int64([batch], Array(batch).fill(steps)),
      max_new_tokens: int64([batch], Array(batch).fill(steps)),
      do_sample: tensor("bool", [], Uint8Array.of(1)),
      top_k: int64([], [0]),
      top_p: float32([], [1]),
    });
    for (const [name, value] of Object.entries(out)) {
      if (name.startsWith("next_past_")) assert.equal(value.dtype, "float32");
    }
    const column = (name: string, i: number) =>
      Array.from({ length: steps }, (_, t) => Number(out[name]!.data[t * batch + i]));
    const rolled = sequences.map(({ query }, i) => ({ query, response: column("token_ids", i) }));
    const whole = await run(buildForwardGraph(spec), {
      ...tokenBatch(rolled, config).feeds,
      ...weights,
    });
    const logprobs = sequences.flatMap((_, i) => column("logprobs", i));
    logprobs.forEach((old, i) => {
      const ratio = Math.exp(Number(whole["logprobs"]!.data[i]) - old);
      assert.ok(Math.abs(ratio - 1) < 1e-2, `token ${i}: ${ratio}`);
    });
  });
}

Deno.test("precision is one option: a learner and a generator in fp16 agree", async () => {
  const { config, index, spec, weights } = policyCase("float32");
  using _index = index;
  const runtime = { precision: "fp16", intraOpThreads: 1 } as const;
  await using generator = await Generator.create(spec, runtime);
  assert.equal(generator.spec.computeType, "float16");
  const prompts = sequences.map(({ query }) => ({
    ids: query,
    minNewTokens: 5,
    maxNewTokens: 5,
    uniforms: (start: number, count: number) =>
      Float32Array.from({ length: count }, (_, i) => ((start + i) * 0.31) % 1),
  }));
  const sampling = { doSample: true, temperature: 1, topK: 0, topP: 1 };
  const params = new Map(trainedOf(spec).map((name) => [name, weights[name] as Tensor<"float32">]));
  const adapter = new Map([...params].filter(([name]) => !name.startsWith("v_head.")));
  const valueHead = new Map([...params].filter(([name]) => name.startsWith("v_head.")));
  await using learner = await PpoLearner.create({
    model: { config, index },
    lora,
    adapter,
    valueHead,
    loss: fullLoss,
    optimizer: { learningRate: 1e-3 },
    runtime,
  });
  // Chunks of 2 hand the caches over at the graph's boundary.
  const responses: { tokens: number[]; logprobs: number[] }[] = prompts.map(() => ({
    tokens: [],
    logprobs: [],
  }));
  for await (const piece of generator.generate(prompts, sampling, weights, { chunkTokens: 2 })) {
    responses[piece.index]!.tokens.push(...piece.tokenIds);
    responses[piece.index]!.logprobs.push(...piece.logprobs);
  }
  const rolled = sequences.map(({ query }, i) => ({ query, response: responses[i]!.tokens }));
  const predictions = await learner.forward(rolled);
  predictions.forEach(({ logprobs }, i) => {
    logprobs.forEach((x, t) => {
      assert.ok(Math.abs(Math.exp(x - responses[i]!.logprobs[t]!) - 1) < 1e-2);
    });
  });
  const samples = rolled.map((sequence, i) => ({
    sequence,
    oldLogprobs: predictions[i]!.logprobs,
    oldValues: predictions[i]!.values,
    advantages: new Float32Array(5).fill(1),
    returns: new Float32Array(5),
  }));
  const { applied, gradNorm } = await learner.updateMinibatch(samples);
  assert.ok(applied && gradNorm > 0);
});

Deno.test("bf16 on the CPU is refused with what is possible instead", async () => {
  const model = goldenModel("t5_lora_grad_flan");
  const config = loadT5Config(model);
  using index = openCheckpoint(model);
  const expected =
    /^RangeError: Cannot create session ".*": precision "bf16" on execution provider "cpu".*"fp16"/;
  const runtime = { precision: "bf16" } as const;
  const optimizer = { learningRate: 1e-3 };
  await assert.rejects(Generator.create({ config, index }, runtime), expected);
  await assert.rejects(
    PpoLearner.create({ model, lora, loss: fullLoss, optimizer, runtime }),
    expected,
  );
});
