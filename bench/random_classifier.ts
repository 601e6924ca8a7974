import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { initClassifier } from "@decorum/models";

/** One token a character, so that a text's length in tokens is known. */
const letters = [..."abcdefghijklmnopqrstuvwxyz"];

/**
 * A folder with a classifier of RoBERTa-base's shape and random weights, made once. Only its speed means something.
 *
 * @param tokenizer a folder whose tokenizer it gets; by default one token a letter
 */
export function randomClassifier(folder: string, tokenizer?: string): string {
  const target = join(
    folder,
    tokenizer === undefined ? "roberta-base" : `roberta-base-${basename(tokenizer)}`,
  );
  if (existsSync(target)) return target;
  mkdirSync(folder, { recursive: true });
  const temporary = `${target}.tmp`;
  initClassifier(temporary, {
    model_type: "roberta",
    vocab_size: 50265,
    hidden_size: 768,
    num_hidden_layers: 12,
    num_attention_heads: 12,
    intermediate_size: 3072,
    max_position_embeddings: 514,
    type_vocab_size: 1,
    layer_norm_eps: 1e-5,
    pad_token_id: 1,
    bos_token_id: 0,
    eos_token_id: 2,
    id2label: { 0: "nothate", 1: "hate" },
    label2id: { nothate: 0, hate: 1 },
  }, { seed: 1, ...(tokenizer === undefined ? {} : { tokenizerOf: tokenizer }) });
  if (tokenizer === undefined) writeLetterTokenizer(temporary);
  renameSync(temporary, target);
  return target;
}

function writeLetterTokenizer(folder: string): void {
  const tokens = ["<s>", "<pad>", "</s>", "<unk>", ...letters, "<mask>"];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  write("vocab.json", JSON.stringify(vocab));
  write("merges.txt", "#version: 0.2\n");
  write(
    "tokenizer_config.json",
    JSON.stringify({ tokenizer_class: "RobertaTokenizer", model_max_length: 512 }),
  );
}
