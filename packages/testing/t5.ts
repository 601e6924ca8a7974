/** Tiny random T5s on disk, and weights for them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  adapterShapes,
  initPolicyModel,
  type LoraConfig,
  openPolicyModel,
  valueHeadShapes,
} from "@decorum/models";
import type { JsonObject, Tensor } from "@decorum/tensor";
import { TemporaryFolder } from "./folder.ts";
import { asIfTrained, random } from "./weights.ts";

/** Letters that the tokenizer of a tiny T5 knows; it knows nothing else. */
export const letters = "abcdefghijklmnopqrstuvwxyz";

/** `config.json` of a tiny T5. */
export const t5Json: JsonObject = {
  model_type: "t5",
  // More rows than the tokenizer has pieces, as T5's own.
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

export interface T5Options {
  /** Fields over those of {@link t5Json}. */
  readonly json?: JsonObject;
  /** Of the weights; 1 by default. */
  readonly seed?: number;
  /** Whether it has a tokenizer, of letters. */
  readonly tokenizer?: boolean;
  /** Whether its weights have a trained model's magnitude; else they are a new model's. */
  readonly trained?: boolean;
}

/** Writes a tiny random T5 to a new folder. @returns the folder */
export function writeT5(folder: string, options: T5Options = {}): string {
  const { json, seed = 1, tokenizer, trained } = options;
  const tokenizerOf = `${folder}.tokenizer`;
  if (tokenizer) writeLetterTokenizer(tokenizerOf);
  initPolicyModel(folder, { ...t5Json, ...json }, { seed, ...(tokenizer ? { tokenizerOf } : {}) });
  if (trained) asIfTrained(join(folder, "model.safetensors"), seed);
  return folder;
}

/** A temporary folder with a tiny random T5 in `model`. */
export class TinyT5 extends TemporaryFolder {
  readonly model: string;

  constructor(options: T5Options = {}) {
    super();
    this.model = writeT5(this.join("model"), options);
  }
}

/** A T5 tokenizer (Unigram) whose pieces are single letters. */
function writeLetterTokenizer(folder: string): void {
  const specials = ["<pad>", "</s>", "<unk>"];
  const vocab = [...specials.map((t) => [t, 0]), ["▁", -2], ...[...letters].map((t) => [t, -3])];
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  const place = { Sequence: { id: "A", type_id: 0 } };
  const eos = { SpecialToken: { id: "</s>", type_id: 0 } };
  const metaspace = { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true };
  const json = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, id) => ({ id, content, special: true, ...flags })),
    normalizer: null,
    pre_tokenizer: metaspace,
    post_processor: {
      type: "TemplateProcessing",
      single: [place, eos],
      pair: [place, eos, { Sequence: { id: "B", type_id: 0 } }, eos],
      special_tokens: { "</s>": { id: "</s>", ids: [1], tokens: ["</s>"] } },
    },
    decoder: metaspace,
    model: { type: "Unigram", unk_id: 2, vocab, byte_fallback: false },
  };
  const config = {
    tokenizer_class: "T5Tokenizer",
    pad_token: "<pad>",
    eos_token: "</s>",
    unk_token: "<unk>",
    extra_ids: 0,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(json));
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify(config));
}

/** An adapter's settings: rank 3, scaling 2, without dropout. */
export const lora: LoraConfig = { r: 3, loraAlpha: 6, loraDropout: 0, targetModules: ["q", "v"] };

/** Normal numbers, scaled; the same for the same label. */
export function noise(label: string, dims: readonly number[], scale = 1): Tensor<"float32"> {
  return random(label, dims, 7, scale);
}

/** An adapter none of whose matrices is zero. @param model a T5's folder */
export function randomAdapter(
  model: string,
  config: LoraConfig = lora,
  label = "",
): Map<string, Tensor<"float32">> {
  const shapes = adapterShapes(config, openPolicyModel(model).layers);
  return new Map([...shapes].map(([name, dims]) => [name, noise(label + name, dims, 0.2)]));
}

export function randomValueHead(width: number, label = ""): Map<string, Tensor<"float32">> {
  const shapes = valueHeadShapes(width);
  return new Map([...shapes].map(([name, dims]) => [name, noise(label + name, dims, 0.2)]));
}

/** Adapter and value head with noise in every tensor, the same for the same label. */
export function randomWeights(
  model: string,
  label: string,
  config: LoraConfig = lora,
): Map<string, Tensor<"float32">> {
  const { hidden_size } = openPolicyModel(model).config;
  return new Map([...randomAdapter(model, config, label), ...randomValueHead(hidden_size, label)]);
}
