import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initT5 } from "@decorum/learning";

const letters = "abcdefghijklmnopqrstuvwxyz";

const t5Json = {
  model_type: "t5",
  // More rows than the tokenizer has pieces, as T5's own.
  vocab_size: 32,
  d_model: 16,
  d_kv: 4,
  d_ff: 24,
  num_layers: 1,
  num_decoder_layers: 1,
  num_heads: 2,
  relative_attention_num_buckets: 8,
  feed_forward_proj: "gated-gelu",
  tie_word_embeddings: false,
  decoder_start_token_id: 0,
};

/** A new folder that goes with its scope. */
export function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "decorum-trainer-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Writes a tiny random T5 with a tokenizer of letters. */
export function writeTinyT5(folder: string, seed = 1): void {
  const tokenizerOf = `${folder}.tokenizer`;
  writeTokenizer(tokenizerOf);
  initT5(folder, t5Json, { seed, tokenizerOf });
}

/** Writes `count` rows with a column `text` of words of letters, and `summary`. */
export function writeRows(file: string, count: number): void {
  const word = (i: number) =>
    Array.from({ length: 2 + i % 5 }, (_, j) => letters[(i * 7 + j * 11) % 26]).join("");
  const rows = Array.from({ length: count }, (_, i) => ({
    text: Array.from({ length: 1 + i % 3 }, (_, j) => word(i + j * 31)).join(" "),
    summary: word(i),
  }));
  writeFileSync(file, rows.map((row) => JSON.stringify(row)).join("\n") + "\n");
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
