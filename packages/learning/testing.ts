import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  adapterShapes,
  type JsonObject,
  loadT5Config,
  type LoraConfig,
  type Sequence,
  t5LinearLayers,
  valueHeadShapes,
} from "@decorum/models";
import { linearSchedule, type Params } from "@decorum/optim";
import { float32, normals, randomKey, type Tensor, tensor } from "@decorum/tensor";
import { initClassifier, initT5 } from "./init.ts";
import type { SftOptions } from "./sft.ts";

/** A new folder that is removed with its scope. */
export function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "decorum-learning-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

/** One thread a session: the tests share the machine, and one thread sums in one order. */
export const runtime = { intraOpThreads: 1 };

export const t5Json = {
  model_type: "t5",
  vocab_size: 40,
  d_model: 16,
  d_kv: 4,
  d_ff: 24,
  num_layers: 2,
  num_decoder_layers: 2,
  num_heads: 3,
  relative_attention_num_buckets: 8,
  feed_forward_proj: "gated-gelu",
  tie_word_embeddings: false,
  decoder_start_token_id: 0,
};

export const robertaJson = {
  model_type: "roberta",
  vocab_size: 40,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 24,
  max_position_embeddings: 24,
  type_vocab_size: 1,
  layer_norm_eps: 1e-5,
  pad_token_id: 1,
  // Larger than the usual 0.02, so that a tiny model has gradients worth checking.
  initializer_range: 0.3,
  id2label: { "0": "nothate", "1": "hate" },
};

/** A folder with a tiny random T5 in `model`. */
export function tinyT5(
  json: JsonObject = {},
  seed = 1,
): { path: string; model: string } & Disposable {
  const folder = temporaryFolder();
  const model = join(folder.path, "model");
  initT5(model, { ...t5Json, ...json }, { seed });
  return { path: folder.path, model, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

/** A folder with a tiny random classifier in `model`. */
export function tinyClassifier(
  json: JsonObject = {},
): { path: string; model: string } & Disposable {
  const folder = temporaryFolder();
  const model = join(folder.path, "model");
  initClassifier(model, { ...robertaJson, ...json }, { seed: 2 });
  return { path: folder.path, model, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

export const lora: LoraConfig = {
  r: 3,
  loraAlpha: 6,
  loraDropout: 0,
  targetModules: ["q", "v"],
};

/** Standard normals, scaled. */
export function noise(label: string, dims: readonly number[], scale = 1): Tensor<"float32"> {
  const count = dims.reduce((n, d) => n * d, 1);
  return float32(dims, normals(randomKey(7, label), 0, count).map((x) => scale * x));
}

/** An adapter none of whose matrices is zero. */
export function randomAdapter(
  model: string,
  config: LoraConfig = lora,
): Map<string, Tensor<"float32">> {
  const shapes = adapterShapes(config, t5LinearLayers(loadT5Config(model)));
  return new Map([...shapes].map(([name, dims]) => [name, noise(name, dims, 0.2)]));
}

export function randomValueHead(width: number): Map<string, Tensor<"float32">> {
  return new Map([...valueHeadShapes(width)].map(([name, dims]) => [name, noise(name, dims, 0.2)]));
}

/** Sequences of different lengths, the same for the same label. */
export function randomSequences(count: number, label = "sequences"): Sequence[] {
  const words = normals(randomKey(3, label), 0, count * 24);
  const id = (i: number) => 2 + Math.floor(Math.abs(words[i]!) * 1000) % 38;
  return Array.from({ length: count }, (_, i) => {
    const ids = (start: number, length: number) =>
      Array.from({ length }, (_, j) => id(i * 24 + start + j));
    return { query: ids(0, 2 + (i * 5) % 9), response: [...ids(12, 1 + (i * 3) % 7), 1] };
  });
}

/** `params` moved by `h` along `direction`. */
function moved(params: Params, direction: Params, h: number): Params {
  return new Map([...params].map(([name, { dims, data }]) => {
    const d = direction.get(name)?.data;
    return [name, tensor("float32", dims, data.map((x, i) => x + h * (d?.[i] ?? 0)))];
  }));
}

/**
 * Checks gradients against central differences, one parameter after another: along the gradient itself and
 * a random direction at once, so that a wrong scale and a wrong direction both show.
 *
 * @returns parameters that fail, with what was found
 */
export async function gradientMismatches(
  params: Params,
  grads: Params,
  loss: (params: Params) => Promise<number>,
  { h = 1e-2, tolerance = 0.004 } = {},
): Promise<string[]> {
  const failures: string[] = [];
  for (const [name, grad] of grads) {
    const random = noise(`direction ${name}`, grad.dims);
    const norm = (x: Float32Array) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));
    const [g, r] = [norm(grad.data), norm(random.data)];
    const unit = grad.data.map((x, i) => (x / (g || 1) + random.data[i]! / r) / 2);
    const direction = new Map([[name, tensor("float32", grad.dims, unit)]]);
    const expected = unit.reduce((sum, d, i) => sum + d * grad.data[i]!, 0);
    const ahead = await loss(moved(params, direction, h));
    const behind = await loss(moved(params, direction, -h));
    const found = (ahead - behind) / (2 * h);
    if (Math.abs(found - expected) > tolerance * g + 2e-4) {
      failures.push(`${name}: differences say ${found}, the gradient ${expected}`);
    }
  }
  return failures;
}

/** An SFT run with everything that has a state: dropout, schedule, data order. */
export const sftOptions = (model: string): SftOptions => ({
  model,
  lora: { ...lora, loraDropout: 0.1 },
  optimizer: {
    algorithm: "adamw",
    learningRate: 1e-2,
    weightDecay: 0.01,
    schedule: linearSchedule({ warmupSteps: 2, totalSteps: 6 }),
  },
  microBatchSize: 2,
  runtime,
});

export const runOptions = { batchSize: 4, steps: 6, seed: 11 };
