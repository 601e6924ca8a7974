/** Tiny random models on disk, with weights of a trained model's magnitude, for tests that need no reference. */
import { float32, normals, randomKey, type Tensor } from "@decorum/tensor";
import {
  type Adapter,
  adapterShapes,
  classifierModel,
  type LinearLayers,
  type LoraConfig,
  openCheckpoint,
  openClassifier,
  openPolicyModel,
  policyModel,
  writeModelFolder,
} from "../mod.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Two encoder and three decoder layers; heads whose sizes do not add up to the width; short distances. */
export const tinyT5: Fields = {
  model_type: "t5",
  architectures: ["T5ForConditionalGeneration"],
  vocab_size: 40,
  d_model: 12,
  d_kv: 5,
  d_ff: 14,
  num_heads: 2,
  num_layers: 2,
  num_decoder_layers: 3,
  relative_attention_num_buckets: 8,
  relative_attention_max_distance: 12,
  feed_forward_proj: "gated-gelu",
  tie_word_embeddings: false,
  decoder_start_token_id: 0,
};

export const tinyRoberta: Fields = {
  model_type: "roberta",
  architectures: ["RobertaForSequenceClassification"],
  vocab_size: 40,
  hidden_size: 12,
  intermediate_size: 14,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  max_position_embeddings: 18,
  type_vocab_size: 1,
  layer_norm_eps: 1e-5,
  pad_token_id: 1,
  id2label: { 0: "nothate", 1: "hate", 2: "neutral" },
};

export const tinyBert: Fields = {
  ...tinyRoberta,
  model_type: "bert",
  architectures: ["BertForSequenceClassification"],
  max_position_embeddings: 16,
  type_vocab_size: 2,
  pad_token_id: 0,
};

/** A T5 that is written to a folder. */
export function makeT5(folder: string, fields: Fields = {}, seed = 1) {
  const json = { ...tinyT5, ...fields };
  const tensors = randomTensors(seed, policyModel(json, "tiny T5").weightShapes);
  writeModelFolder(folder, { config: json, tensors });
  return { folder, tensors, model: openPolicyModel(folder), index: openCheckpoint(folder) };
}

/** A classifier that is written to a folder. */
export function makeClassifier(folder: string, json: Fields = tinyRoberta, seed = 1) {
  const tensors = randomTensors(seed, classifierModel(json, "tiny classifier").weightShapes);
  writeModelFolder(folder, { config: json, tensors });
  return { folder, tensors, model: openClassifier(folder), index: openCheckpoint(folder) };
}

/** An adapter with a B that is not 0. */
export function randomAdapter(config: LoraConfig, layers: LinearLayers, seed = 1): Adapter {
  return new Map(
    [...adapterShapes(config, layers)].map(([name, dims]) => [name, random(name, dims, seed, 0.4)]),
  );
}

/** A LoRA of rank 3 and scaling 2. */
export function lora(...targetModules: string[]): LoraConfig {
  return { r: 3, loraAlpha: 6, loraDropout: 0, targetModules };
}

function randomTensors(
  seed: number,
  shapes: ReadonlyMap<string, readonly number[]>,
): Map<string, Tensor> {
  return new Map(
    [...shapes].map(([key, dims]) => {
      if (/norm\.weight$/i.test(key)) {
        const noise = random(key, dims, seed, 0.1);
        return [key, float32(dims, noise.data.map((x) => 1 + x))];
      }
      return [key, random(key, dims, seed, dims.length === 1 ? 0.1 : dims.at(-1)! ** -0.5)];
    }),
  );
}

/** Normal numbers of standard deviation `std`, a stream of its own for every name. */
export function random(
  name: string,
  dims: readonly number[],
  seed: number,
  std: number,
): Tensor<"float32"> {
  const count = dims.reduce((n, d) => n * d, 1);
  return float32(dims, normals(randomKey(seed, name), 0, count).map((x) => x * std));
}
