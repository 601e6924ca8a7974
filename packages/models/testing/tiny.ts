/** Tiny random models on disk, with weights of a trained model's magnitude, for tests that need no reference. */
import { join } from "node:path";
import { type JsonObject, readSafetensors } from "@decorum/tensor";
import { writeClassifier } from "@decorum/testing/classifier";
import { writeT5 } from "@decorum/testing/t5";
import { random } from "@decorum/testing/weights";
import {
  type Adapter,
  adapterShapes,
  type LinearLayers,
  type LoraConfig,
  openCheckpoint,
  openClassifier,
  openPolicyModel,
} from "../mod.ts";

/** Two encoder and three decoder layers; heads whose sizes do not add up to the width; short distances. */
export const tinyT5: JsonObject = {
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

export const tinyRoberta: JsonObject = {
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

export const tinyBert: JsonObject = {
  ...tinyRoberta,
  model_type: "bert",
  architectures: ["BertForSequenceClassification"],
  max_position_embeddings: 16,
  type_vocab_size: 2,
  pad_token_id: 0,
};

/** A T5 that is written to a folder. */
export function makeT5(folder: string, fields: JsonObject = {}, seed = 1) {
  writeT5(folder, { json: { ...tinyT5, ...fields }, seed, trained: true });
  return { ...opened(folder), model: openPolicyModel(folder) };
}

/** A classifier that is written to a folder. */
export function makeClassifier(folder: string, json: JsonObject = tinyRoberta, seed = 1) {
  writeClassifier(folder, { json, seed, trained: true });
  return { ...opened(folder), model: openClassifier(folder) };
}

function opened(folder: string) {
  const tensors = readSafetensors(join(folder, "model.safetensors"));
  return { folder, tensors, index: openCheckpoint(folder) };
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
