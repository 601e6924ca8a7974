/** A tiny random T5 on disk and a way to run graphs, for the tests of this folder. */
import { dirname, sep } from "node:path";
import {
  type Adapter,
  adapterShapes,
  type LoraConfig,
  loraScaling,
  type ModelGraph,
  openCheckpoint,
  openPolicyModel,
  type PolicySpec,
  VALUE_HEAD_BIAS,
  VALUE_HEAD_WEIGHT,
} from "@decorum/models";
import { encodeModel } from "@decorum/onnx";
import { type DType, float32, normals, randomKey, type Tensor, tensor } from "@decorum/tensor";
import { TinyT5 } from "@decorum/testing/t5";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import type { PolicyFeeds } from "../mod.ts";

export const VOCABULARY = 40;

const json = {
  vocab_size: VOCABULARY,
  d_model: 12,
  d_kv: 5,
  d_ff: 14,
  num_heads: 2,
  num_layers: 2,
  num_decoder_layers: 3,
  relative_attention_max_distance: 12,
  tie_word_embeddings: true,
};

export interface TinyPolicy extends Disposable {
  readonly spec: PolicySpec & { readonly lora: LoraConfig };
  /** An adapter that is on, and a value head. */
  readonly weights: PolicyFeeds;
}

/**
 * A policy with an adapter and a value head; its folder goes with `using`.
 *
 * @param targets target modules of the adapter, or a pattern of the layers' names
 * @param patterns ranks and scales of single layers
 */
export function tinyPolicy(
  targets: readonly string[] | RegExp = ["q", "v", "wo"],
  patterns: Pick<LoraConfig, "rankPattern" | "alphaPattern"> = {},
): TinyPolicy {
  const folder = new TinyT5({ json, seed: 3 });
  const model = openPolicyModel(folder.model);
  const index = openCheckpoint(folder.model);
  const { layers } = model;
  const targetModules = targets instanceof RegExp
    ? [...layers.keys()].filter((layer) => targets.test(layer))
    : targets;
  const lora = { r: 2, loraAlpha: 4, loraDropout: 0, targetModules, ...patterns };
  const shapes = adapterShapes(lora, layers);
  const adapter: Adapter = new Map(
    [...shapes].map(([name, dims]) => [name, gaussian(name, dims, 0.3)]),
  );
  return {
    spec: { model, index, lora, valueHead: true },
    weights: {
      ...Object.fromEntries(adapter),
      lora_scale: float32([], [loraScaling(lora)]),
      [VALUE_HEAD_WEIGHT]: gaussian("value", [1, 12], 0.5),
      [VALUE_HEAD_BIAS]: float32([1], [0.25]),
    },
    [Symbol.dispose]() {
      index.close();
      folder[Symbol.dispose]();
    },
  };
}

/** Normal numbers, a stream of its own for every name. */
export function gaussian(name: string, dims: readonly number[], std: number): Tensor<"float32"> {
  const count = dims.reduce((n, d) => n * d, 1);
  return float32(dims, normals(randomKey(5, name), 0, count).map((x) => x * std));
}

/** Runs a graph on the CPU in this thread; its weights, where it has any, lie in one folder. */
export async function run(
  { graph, files }: ModelGraph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const [file] = files.values();
  const folder = file === undefined ? {} : {
    extra: { "session.model_external_initializers_file_folder_path": dirname(file) + sep },
  };
  const options = { intraOpNumThreads: 1, logSeverityLevel: 3, ...folder } as const;
  const session = await InferenceSession.create(encodeModel(graph), options);
  try {
    const given = Object.entries(feeds).map(([name, { dtype, dims, data }]) =>
      [name, new OrtTensor(dtype as "float32", data as Float32Array, dims)] as const
    );
    const results = Object.entries(await session.run(Object.fromEntries(given)));
    return Object.fromEntries(
      results.map((
        [name, { type, dims, data }],
      ) => [name, tensor(type as DType, dims, data as Float32Array<ArrayBuffer>)]),
    );
  } finally {
    await session.release();
  }
}

/** The elements of a tensor as numbers. */
export function numbers(value: Tensor | undefined): number[] {
  return Array.from(value!.data as ArrayLike<number | bigint>, Number);
}
