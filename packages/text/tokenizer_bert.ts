import { InputError, type JsonObject } from "@decorum/tensor";
import { readFileSync } from "node:fs";
import { addedToken, optionalBoolean, type SpecialTokens } from "./tokenizer_config.ts";

/** BERT's own special tokens, used for every role that no configuration names. */
const defaults = {
  pad: "[PAD]",
  unk: "[UNK]",
  cls: "[CLS]",
  sep: "[SEP]",
  mask: "[MASK]",
} as const;

/**
 * The `tokenizer.json` that Hugging Face builds for BERT's WordPiece from `vocab.txt`
 * (transformers, `convert_slow_tokenizer.py`, `BertConverter`): one token a line, its id the line.
 *
 * @throws InputError when a special token is not in the vocabulary.
 */
export function bertTokenizerJson(files: {
  readonly vocabPath: string;
  readonly config: JsonObject;
  readonly configPath: string;
  readonly named: SpecialTokens;
}): JsonObject {
  const { vocabPath, config, configPath } = files;
  const lines = readFileSync(vocabPath, "utf8").split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  const vocab = new Map(lines.map((token, id) => [token, id]));
  const roles = { ...defaults, ...files.named };
  const idOf = (token: string): number => {
    const id = vocab.get(token);
    if (id !== undefined) return id;
    throw new InputError(
      `Cannot build a BERT tokenizer from ${vocabPath}: special token ${
        JSON.stringify(token)
      } is not among its ${vocab.size} tokens; name the repository's own special tokens in special_tokens_map.json`,
    );
  };
  const flag = (name: string) => optionalBoolean(config, name, configPath);
  const lowercase = flag("do_lower_case") ?? true;
  return {
    version: "1.0",
    added_tokens: [...new Set(Object.values(roles))]
      .map((token) => addedToken(idOf(token), token))
      .sort((a, b) => a.id - b.id),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: flag("tokenize_chinese_chars") ?? true,
      strip_accents: flag("strip_accents") ?? null,
      lowercase,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "BertProcessing",
      sep: [roles.sep, idOf(roles.sep)],
      cls: [roles.cls, idOf(roles.cls)],
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: roles.unk,
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocab),
    },
  };
}
