import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initT5 } from "@decorum/learning";
import {
  adapterShapes,
  loadT5Config,
  type LoraConfig,
  t5LinearLayers,
  valueHeadShapes,
} from "@decorum/models";
import { float32, normals, randomKey, type Tensor } from "@decorum/tensor";

const letters = "abcdefghijklmnopqrstuvwxyz";

const t5Json = {
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

/** The adapters that tests push. */
export const lora: LoraConfig = { r: 3, loraAlpha: 6, loraDropout: 0, targetModules: ["q", "v"] };

/** A new folder that goes with its scope. */
export function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "decorum-policy-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A tiny random T5 in `model`, with a tokenizer of letters unless `tokenizer` is false. */
export function tinyT5(
  options: { readonly tokenizer?: boolean; readonly seed?: number; readonly json?: object } = {},
): { path: string; model: string } & Disposable {
  const folder = temporaryFolder();
  const model = join(folder.path, "model");
  const tokenizerOf = join(folder.path, "tokenizer");
  writeTokenizer(tokenizerOf);
  initT5(model, { ...t5Json, ...options.json }, {
    seed: options.seed ?? 1,
    ...(options.tokenizer === false ? {} : { tokenizerOf }),
  });
  return { path: folder.path, model, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

/** A T5 tokenizer (Unigram) whose pieces are single letters. */
function writeTokenizer(folder: string): void {
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

/** Adapter and value head with noise in every tensor, the same for the same label. */
export function randomWeights(
  model: string,
  label: string,
  config: LoraConfig = lora,
): Map<string, Tensor<"float32">> {
  const t5 = loadT5Config(model);
  const shapes = [
    ...adapterShapes(config, t5LinearLayers(t5)),
    ...valueHeadShapes(t5.d_model),
  ];
  return new Map(shapes.map(([name, dims]) => {
    const count = dims.reduce((n: number, d: number) => n * d, 1);
    const values = normals(randomKey(7, label, name), 0, count).map((x) => 0.2 * x);
    return [name, float32(dims, values)];
  }));
}
