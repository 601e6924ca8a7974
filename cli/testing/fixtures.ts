import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { initClassifier, initPolicyModel } from "@decorum/models";
import type { TemporaryFolder } from "@decorum/testing/folder";
import { bpeTokenizer } from "../../demo/recipe/bpe_tokenizer.ts";
import { writeTokenizer } from "../../demo/recipe/tokenizer_folder.ts";
import { unigramTokenizer } from "../../demo/recipe/unigram_tokenizer.ts";

const words = ["red", "blue", "green", "one", "two", "three"];

/** Texts of three words, and the first of them as the answer. */
export function echoRows(count: number): { text: string; answer: string }[] {
  return Array.from({ length: count }, (_, i) => {
    const picked = [i, Math.floor(i / 6), Math.floor(i / 36) + 3 * i].map((n) => words[n % 6]!);
    return { text: picked.join(" "), answer: picked[0]! };
  });
}

/** Texts of three colours or of three numbers, and which it is. */
export function labelRows(count: number): { text: string; label: string }[] {
  return Array.from({ length: count }, (_, i) => {
    const kind = i % 2;
    const picked = [i >> 1, Math.floor(i / 6), Math.floor(i / 18)].map((n) =>
      words[3 * kind + n % 3]!
    );
    return { text: picked.join(" "), label: kind === 0 ? "colour" : "number" };
  });
}

/** `config.json` of a tiny T5 and its tokenizer, in one folder. @returns the config file's path */
export function t5Config(folder: string): string {
  const made = unigramTokenizer(words.map((word) => `Repeat: ${word}`));
  writeTokenizer(folder, made);
  const config = {
    model_type: "t5",
    vocab_size: made.vocabSize,
    d_model: 16,
    d_kv: 4,
    d_ff: 24,
    num_layers: 1,
    num_decoder_layers: 1,
    num_heads: 2,
    relative_attention_num_buckets: 8,
    feed_forward_proj: "gated-gelu",
    tie_word_embeddings: true,
    decoder_start_token_id: 0,
  };
  return writeConfig(folder, config);
}

/** `config.json` of a tiny RoBERTa classifier and its tokenizer. @returns the config file's path */
export function classifierConfig(folder: string): string {
  const made = bpeTokenizer(words, 20);
  writeTokenizer(folder, made);
  const config = {
    model_type: "roberta",
    vocab_size: made.vocabSize,
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 24,
    max_position_embeddings: 34,
    type_vocab_size: 1,
    layer_norm_eps: 1e-5,
    pad_token_id: 1,
    initializer_range: 0.2,
    id2label: { "0": "colour", "1": "number" },
  };
  return writeConfig(folder, config);
}

/** A tiny random T5 with its tokenizer. @returns its folder */
export function tinyT5(folder: TemporaryFolder): string {
  const config = t5Config(folder.join("t5-config"));
  const model = folder.join("t5");
  initPolicyModel(model, readConfig(config), { seed: 1, tokenizerOf: folder.join("t5-config") });
  return model;
}

/** A tiny random classifier with its tokenizer. @returns its folder */
export function tinyClassifier(folder: TemporaryFolder): string {
  const config = classifierConfig(folder.join("classifier-config"));
  const model = folder.join("classifier");
  const tokenizerOf = folder.join("classifier-config");
  initClassifier(model, readConfig(config), { seed: 1, tokenizerOf });
  return model;
}

function writeConfig(folder: string, config: Readonly<Record<string, unknown>>): string {
  const path = join(folder, "config.json");
  writeFileSync(path, JSON.stringify(config));
  return path;
}

function readConfig(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
}
