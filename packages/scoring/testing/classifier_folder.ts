/** Tiny classifiers with tokenizers on disk, of random weights that tell texts apart. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initClassifier } from "@decorum/learning";
import { normals, randomKey, readSafetensors, writeSafetensors } from "@decorum/tensor";

export const LABELS: readonly string[] = ["nothate", "hate", "unsure"];
/** Tokens that a tiny classifier takes, special ones included. */
export const POSITIONS: number = 32;

const letters = [..."abcdefghijklmnopqrstuvwxyz.,!?0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const words = ["Ġt", "Ġth", "Ġthe", "Ġi", "Ġis", "yo", "you", "Ġyo", "Ġyou"];
const merges = ["Ġ t", "Ġt h", "Ġth e", "Ġ i", "Ġi s", "y o", "yo u", "Ġ yo", "Ġyo u"];
const vocab = ["<s>", "<pad>", "</s>", "<unk>", "Ġ", "Ċ", ...letters, ...words, "<mask>"];
const bertVocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...letters]
  .concat(letters.map((letter) => `##${letter}`), ["the", "is", "you", "fool"]);

/** A folder that is removed at the end of a `using` block. */
export class TemporaryFolder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "decorum-scoring-"));

  join(...names: string[]): string {
    return join(this.path, ...names);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Writes a RoBERTa or BERT classifier of one layer; its tokenizer has the older files, no tokenizer.json. */
export function makeClassifierFolder(
  folder: string,
  options: { readonly type?: "roberta" | "bert"; readonly seed?: number } = {},
): string {
  const { type = "roberta", seed = 1 } = options;
  initClassifier(folder, {
    model_type: type,
    vocab_size: type === "roberta" ? vocab.length : bertVocab.length,
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 24,
    max_position_embeddings: type === "roberta" ? POSITIONS + 2 : POSITIONS,
    type_vocab_size: 2,
    layer_norm_eps: 1e-5,
    initializer_range: 0.5,
    pad_token_id: type === "roberta" ? 1 : 0,
    id2label: Object.fromEntries(LABELS.map((label, id) => [id, label])),
  }, { seed });
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  if (type === "bert") {
    write("vocab.txt", bertVocab.join("\n") + "\n");
  } else {
    write("vocab.json", JSON.stringify(Object.fromEntries(vocab.map((token, id) => [token, id]))));
    write("merges.txt", `#version: 0.2\n${merges.join("\n")}\n`);
  }
  return folder;
}

/** Writes a classifier without a tokenizer, of 60 tokens and 128 positions, biases and norms random too. */
export function makeRandomClassifier(
  folder: string,
  type: "roberta" | "bert",
  shape: Readonly<Record<string, number>>,
): void {
  initClassifier(folder, {
    model_type: type,
    vocab_size: 60,
    max_position_embeddings: 130,
    type_vocab_size: 2,
    layer_norm_eps: 1e-5,
    initializer_range: 0.1,
    pad_token_id: type === "roberta" ? 1 : 0,
    id2label: Object.fromEntries(LABELS.map((label, id) => [id, label])),
    ...shape,
  }, { seed: 1 });
  // Biases start at 0 and norms at 1: a graph that forgot one would not be found out.
  const file = join(folder, "model.safetensors");
  const tensors = readSafetensors(file);
  for (const [key, { data }] of tensors) {
    if (!key.endsWith(".bias") && !key.endsWith("LayerNorm.weight")) continue;
    for (const [i, noise] of normals(randomKey(2, key), 0, data.length).entries()) {
      data[i] = Number(data[i]) + 0.2 * noise;
    }
  }
  writeSafetensors(file, tensors);
}
