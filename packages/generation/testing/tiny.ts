/** A tiny random T5 on disk, for the tests of this folder. */
import {
  type Adapter,
  adapterShapes,
  type LoraConfig,
  loraScaling,
  openCheckpoint,
  openPolicyModel,
  type PolicySpec,
  VALUE_HEAD_BIAS,
  VALUE_HEAD_WEIGHT,
} from "@decorum/models";
import { float32, normals, randomKey, type Tensor } from "@decorum/tensor";
import { TinyT5 } from "@decorum/testing/t5";
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
