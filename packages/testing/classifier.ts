/** Tiny random classifiers on disk, with tokenizers. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { initClassifier } from "@decorum/models";
import type { JsonObject } from "@decorum/tensor";
import { TemporaryFolder } from "./folder.ts";
import { asIfTrained } from "./weights.ts";

export const LABELS: readonly string[] = ["nothate", "hate", "unsure"];
/** Tokens that a tiny classifier takes, special ones included. */
export const POSITIONS: number = 32;

const letters = [..."abcdefghijklmnopqrstuvwxyz.,!?0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const words = ["Ġt", "Ġth", "Ġthe", "Ġi", "Ġis", "yo", "you", "Ġyo", "Ġyou"];
const merges = ["Ġ t", "Ġt h", "Ġth e", "Ġ i", "Ġi s", "y o", "yo u", "Ġ yo", "Ġyo u"];
const vocab = ["<s>", "<pad>", "</s>", "<unk>", "Ġ", "Ċ", ...letters, ...words, "<mask>"];
const bertVocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...letters]
  .concat(letters.map((letter) => `##${letter}`), ["the", "is", "you", "fool"]);

export interface ClassifierOptions {
  readonly type?: "roberta" | "bert";
  /** Of the weights; 1 by default. */
  readonly seed?: number;
  /** Fields of `config.json` over those of one layer and three labels. */
  readonly json?: JsonObject;
  /** Whether its weights have a trained model's magnitude; else they are a new model's, but larger. */
  readonly trained?: boolean;
}

/**
 * Writes a RoBERTa or BERT classifier whose weights are large enough to tell texts apart. Its tokenizer has the older
 * files, no tokenizer.json.
 *
 * @returns the folder
 */
export function writeClassifier(folder: string, options: ClassifierOptions = {}): string {
  const { type = "roberta", seed = 1, json = {}, trained = false } = options;
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
    ...json,
  }, { seed });
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  if (type === "bert") {
    write("vocab.txt", bertVocab.join("\n") + "\n");
  } else {
    write("vocab.json", JSON.stringify(Object.fromEntries(vocab.map((token, id) => [token, id]))));
    write("merges.txt", `#version: 0.2\n${merges.join("\n")}\n`);
  }
  if (trained) asIfTrained(join(folder, "model.safetensors"), seed);
  return folder;
}

/** A temporary folder with a tiny random classifier in `model`. */
export class TinyClassifier extends TemporaryFolder {
  readonly model: string;

  constructor(options: ClassifierOptions = {}) {
    super();
    this.model = writeClassifier(this.join("model"), options);
  }
}
