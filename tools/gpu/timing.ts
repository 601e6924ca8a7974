import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Generator, type Prompt } from "@decorum/generation";
import { ppo } from "@decorum/algorithms";
import { buildUpdateGraph } from "@decorum/learning";
import {
  adapterShapes,
  buildForwardGraph,
  type EncoderDecoder,
  initAdapter,
  initValueHead,
  type ModelGraph,
  openCheckpoint,
  openPolicyModel,
  type PolicySpec,
  type Sequence,
  tokenBatch,
  valueHeadShapes,
} from "@decorum/models";
import { encodeModel } from "@decorum/onnx";
import { createSession, readProfile, type RuntimeOptions } from "@decorum/runtime";
import {
  bytesPerElement,
  type ComputeType,
  computeTypeOf,
  float32,
  type Precision,
  randomKey,
  type Tensor,
  uniforms,
} from "@decorum/tensor";
import { productOperations } from "../../bench/products.ts";
import { randomT5, type T5Size } from "../../bench/random_t5.ts";
import { median, seconds } from "../../bench/stats.ts";
import type { DeviceRates } from "./rates.ts";

/** Shape of the work. */
export interface TimingOptions {
  readonly size: T5Size;
  readonly batch: number;
  readonly query: number;
  readonly response: number;
  readonly rounds: number;
  /** Folder for the model with random weights. */
  readonly cache: string;
}

/** One piece of work beside what the device could do it in. */
export interface Timing {
  readonly bench: "forward" | "train_step" | "decode";
  readonly precision: Precision;
  readonly seconds: number;
  /** From the measured rates: operations of the products, or for `decode` bytes that every step reads. */
  readonly floor_s: number;
  /** floor_s / seconds */
  readonly share_of_floor_speed: number;
  /** Kernel calls of one run by execution provider; shape arithmetic stays on the host by design. */
  readonly calls?: Readonly<Record<string, number>>;
}

const lora = { r: 32, loraAlpha: 32, loraDropout: 0, targetModules: ["q", "v"] };

/** Times `forward`, `train_step` and `decode` of a T5 with random weights, in the runtime's precision. */
export async function timings(
  options: TimingOptions,
  runtime: RuntimeOptions,
  rates: DeviceRates,
): Promise<Timing[]> {
  const folder = randomT5(options.cache, options.size);
  const model = openPolicyModel(folder);
  using index = openCheckpoint(folder);
  const computeType = computeTypeOf(runtime.precision ?? "fp32");
  const spec: PolicySpec = { model, index, lora, valueHead: true, computeType };
  const wrt = [
    ...adapterShapes(lora, model.layers).keys(),
    ...valueHeadShapes(model.config.hidden_size).keys(),
  ];
  return [
    await graphTiming("forward", buildForwardGraph(spec), options, runtime, rates, model),
    await graphTiming(
      "train_step",
      buildUpdateGraph(ppo.open({}), spec, wrt),
      options,
      runtime,
      rates,
      model,
    ),
    await decodeTiming(spec, options, runtime, rates),
  ];
}

const weightsOf = ({ config, layers }: EncoderDecoder): Record<string, Tensor> => ({
  ...Object.fromEntries(initAdapter(lora, layers, 1)),
  ...Object.fromEntries(initValueHead(config.hidden_size)),
  lora_scale: float32([], [1]),
});

function idsOf(length: number, seed: number): number[] {
  return Array.from({ length }, (_, i) => 3 + (seed * 131 + i * 17) % 400);
}

async function graphTiming(
  bench: "forward" | "train_step",
  graph: ModelGraph,
  { batch: count, query, response, rounds }: TimingOptions,
  runtime: RuntimeOptions,
  rates: DeviceRates,
  model: EncoderDecoder,
): Promise<Timing> {
  const sequences = Array.from({ length: count }, (_, i): Sequence => ({
    query: idsOf(query, i),
    response: idsOf(response, i + count),
  }));
  const batch = tokenBatch(sequences, model.config);
  const row = float32([batch.tokens], idsOf(batch.tokens, 1).map((x) => Math.sin(x)));
  const given: Record<string, Tensor> = {
    ...batch.feeds,
    ...weightsOf(model),
    temperature: float32([], [1]),
    old_logprobs: float32([batch.tokens], Array(batch.tokens).fill(-6)),
    advantages: row,
    old_values: row,
    returns: row,
  };
  const sizes = new Map([
    ["prompts", count],
    ["responses", 1],
    ["source", query],
    ["target", response],
    ["tokens", batch.tokens],
  ]);
  const open = (more: RuntimeOptions) =>
    createSession(
      { bytes: encodeModel(graph.graph), externalData: Object.fromEntries(graph.files) },
      { ...runtime, ...more, name: bench },
    );
  await using session = await open({});
  const feeds = Object.fromEntries(session.inputNames.map((name) => [name, given[name]!]));
  await session.run(feeds);
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) times.push(await seconds(() => session.run(feeds)));
  const floor = productsFloor(graph, sizes, rates);
  return {
    ...timing(bench, runtime, median(times), floor),
    calls: await kernelCalls(open, feeds),
  };
}

/** Seconds of the graph's products at the measured rate of the type that each runs in. */
function productsFloor(
  { graph }: ModelGraph,
  sizes: ReadonlyMap<string, number>,
  rates: DeviceRates,
): number {
  let total = 0;
  for (const [type, rate] of Object.entries(rates.products)) {
    const nodes = graph.nodes.filter(({ outputs }) => graph.types.get(outputs[0]!)?.dtype === type);
    total += productOperations({ ...graph, nodes }, sizes) / rate;
  }
  return total;
}

/** Kernel calls of one run, in a session of its own: onnxruntime's trace costs time. */
async function kernelCalls(
  open: (options: RuntimeOptions) => ReturnType<typeof createSession>,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Readonly<Record<string, number>>> {
  const folder = mkdtempSync(join(tmpdir(), "decorum-gpu-"));
  try {
    await using session = await open({ profilePrefix: join(folder, "trace") });
    await session.run(feeds);
    return readProfile(await session.endProfiling()).callsByProvider;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function decodeTiming(
  spec: PolicySpec,
  { batch, query, response, rounds }: TimingOptions,
  runtime: RuntimeOptions,
  rates: DeviceRates,
): Promise<Timing> {
  await using generator = await Generator.create(spec, runtime);
  const prompts = Array.from({ length: batch }, (_, i): Prompt => ({
    ids: idsOf(query, i),
    minNewTokens: response,
    maxNewTokens: response,
    uniforms: (start, count) => uniforms(randomKey(2, `prompt ${i}`), start, count),
  }));
  const sampling = { doSample: true, temperature: 1, topK: 0, topP: 1 };
  const weights = weightsOf(spec.model);
  const once = () =>
    seconds(async () => {
      for await (const _ of generator.generate(prompts, sampling, weights)) {
        /* read to the end */
      }
    });
  await once();
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) times.push(await once());
  const bytes = decodeBytes(spec.model, spec.computeType ?? "float32", batch, query, response);
  return timing("decode", runtime, median(times), bytes / rates.bandwidth);
}

/** Bytes that all steps of one generation must read: the decoder's weights, the head, and both caches. */
export function decodeBytes(
  { config, layers }: EncoderDecoder,
  type: ComputeType,
  batch: number,
  source: number,
  steps: number,
): number {
  const size = bytesPerElement(type);
  let weights = 4 * config.vocab_size * config.hidden_size;
  for (const [name, [out, inp]] of layers) {
    // Keys and values of cross-attention are made once, not in the loop.
    if (!name.startsWith("decoder.") || /EncDecAttention\.[kv]$/.test(name)) continue;
    const wide = type === "float16" && name.endsWith(".wo");
    weights += out * inp * (wide ? 4 : size);
  }
  const rowBytes = 2 * config.num_decoder_layers * config.num_attention_heads * config.head_dim *
    size;
  const caches = batch * rowBytes * (source + steps / 2);
  return steps * (weights + caches);
}

function timing(
  bench: Timing["bench"],
  runtime: RuntimeOptions,
  elapsed: number,
  floor: number,
): Timing {
  return {
    bench,
    precision: runtime.precision ?? "fp32",
    seconds: elapsed,
    floor_s: floor,
    share_of_floor_speed: floor / elapsed,
  };
}
