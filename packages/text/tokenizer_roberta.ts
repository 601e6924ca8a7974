import { describeJson, InputError, type JsonObject } from "@decorum/tensor";
import { readFileSync } from "node:fs";
import { addedToken, optionalBoolean, type SpecialTokens } from "./tokenizer_config.ts";

/** RoBERTa's own special tokens, used for every role that no configuration names. */
const defaults = {
  bos: "<s>",
  pad: "<pad>",
  eos: "</s>",
  unk: "<unk>",
  cls: "<s>",
  sep: "</s>",
  mask: "<mask>",
} as const;

/**
 * The `tokenizer.json` that Hugging Face builds for RoBERTa's byte-level BPE, from the two files
 * its repositories always have (transformers, `convert_slow_tokenizer.py`, `RobertaConverter`).
 *
 * @throws InputError when a vocabulary entry is no id, or a special token is not in the vocabulary.
 * @throws InputError when a line of the merges is not two tokens.
 */
export function robertaTokenizerJson(files: {
  readonly vocab: JsonObject;
  readonly vocabPath: string;
  readonly mergesPath: string;
  readonly config: JsonObject;
  readonly configPath: string;
  readonly named: SpecialTokens;
}): JsonObject {
  const { vocab, vocabPath, config, configPath } = files;
  for (const [token, id] of Object.entries(vocab)) {
    if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 0) {
      throw new InputError(
        `Cannot use token ${JSON.stringify(token)} of ${vocabPath}: expected its id, found ${
          describeJson(id)
        }`,
      );
    }
  }
  const roles = { ...defaults, ...files.named };
  const idOf = (token: string): number => {
    const id = Object.hasOwn(vocab, token) ? vocab[token] : undefined;
    if (typeof id === "number") return id;
    throw new InputError(
      `Cannot build a RoBERTa tokenizer from ${vocabPath}: special token ${
        JSON.stringify(token)
      } is not in it; name the repository's own special tokens in special_tokens_map.json`,
    );
  };
  const added = [...new Set(Object.values(roles))]
    .map((token) => addedToken(idOf(token), token, { lstrip: token === roles.mask }))
    .sort((a, b) => a.id - b.id);
  const addPrefixSpace = optionalBoolean(config, "add_prefix_space", configPath) ?? false;
  const byteLevel = { type: "ByteLevel", trim_offsets: true, use_regex: true };
  return {
    version: "1.0",
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: { ...byteLevel, add_prefix_space: addPrefixSpace },
    post_processor: {
      type: "RobertaProcessing",
      sep: [roles.sep, idOf(roles.sep)],
      cls: [roles.cls, idOf(roles.cls)],
      trim_offsets: true,
      add_prefix_space: addPrefixSpace,
    },
    decoder: { ...byteLevel, add_prefix_space: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: roles.unk,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: readMerges(files.mergesPath),
    },
  };
}

function readMerges(path: string): [string, string][] {
  const merges: [string, string][] = [];
  readFileSync(path, "utf8").split(/\r?\n/).forEach((line, i) => {
    // Only the head line is a comment: "# #" is a merge.
    if (line === "" || (i === 0 && line.startsWith("#version"))) return;
    const [left, right, ...more] = line.split(" ");
    if (!left || !right || more.length > 0) {
      throw new InputError(
        `Cannot read ${path}, line ${i + 1}: expected two tokens with one space between, found ${
          JSON.stringify(line)
        }`,
      );
    }
    merges.push([left, right]);
  });
  return merges;
}
