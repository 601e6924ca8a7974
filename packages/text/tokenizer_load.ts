import { InputError, type JsonObject, readJson } from "@decorum/tensor";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { namedSpecialTokens, type SpecialTokens } from "./tokenizer_config.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { bertTokenizerJson } from "./tokenizer_bert.ts";
import { type TokenizerFiles, tokenizerFromJson } from "./tokenizer_json.ts";
import { robertaTokenizerJson } from "./tokenizer_roberta.ts";

/**
 * The tokenizer of a Hugging Face model folder: from `tokenizer.json`; else from `vocab.json` and
 * `merges.txt` (RoBERTa); else from `vocab.txt` (BERT). `tokenizer_config.json`,
 * `special_tokens_map.json` and `added_tokens.json` are honoured where they are present.
 *
 * @throws Error when the folder has none of these, listing what was looked for.
 * @throws InputError for a file that is not what it should be.
 */
export function loadTokenizer(folder: string): Tokenizer {
  return tokenizerFromJson(readTokenizerFiles(folder));
}

/**
 * The files of a folder's tokenizer, `tokenizer.json` built where the folder has an older form of it. Throws as
 * {@link loadTokenizer} does.
 */
export function readTokenizerFiles(folder: string): TokenizerFiles {
  const at = (name: string) => join(folder, name);
  const has = (name: string) => existsSync(at(name));
  const optional = (name: string): JsonObject => has(name) ? readJson(at(name)) : {};
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new InputError(`Cannot load a tokenizer from ${folder}: it is not a folder`);
  }
  const configPath = at("tokenizer_config.json");
  const config = optional("tokenizer_config.json");
  const named = mergeNamed(
    config,
    namedSpecialTokens(config, configPath),
    namedSpecialTokens(optional("special_tokens_map.json"), at("special_tokens_map.json")),
  );
  const rest = {
    config,
    configPath,
    named,
    addedTokens: optional("added_tokens.json"),
    addedTokensPath: at("added_tokens.json"),
  };

  if (has("tokenizer.json")) {
    const source = at("tokenizer.json");
    return { ...rest, source, json: readJson(source) };
  }
  if (has("vocab.json") && has("merges.txt")) {
    const source = at("vocab.json");
    const vocab = readJson(source);
    const json = robertaTokenizerJson({
      ...rest,
      vocab,
      vocabPath: source,
      mergesPath: at("merges.txt"),
    });
    return { ...rest, source, json };
  }
  if (has("vocab.txt")) {
    const source = at("vocab.txt");
    return { ...rest, source, json: bertTokenizerJson({ ...rest, vocabPath: source }) };
  }
  const lookedFor = ["tokenizer.json", "vocab.json", "merges.txt", "vocab.txt"];
  const present = lookedFor.filter(has);
  throw new InputError(
    `Cannot load a tokenizer from ${folder}: looked for tokenizer.json, or vocab.json with merges.txt, or vocab.txt, and found ${
      present.length > 0 ? `only ${present.join(", ")}` : "none of them"
    }` +
      (has("spiece.model")
        ? "; spiece.model alone is not read: take tokenizer.json from the same repository"
        : "; download the missing file from the model's repository"),
  );
}

/**
 * A config with `added_tokens_decoder` is the newer format and has the last word; before it,
 * `special_tokens_map.json` had (transformers, `PreTrainedTokenizerBase.from_pretrained`).
 */
function mergeNamed(config: JsonObject, ofConfig: SpecialTokens, ofMap: SpecialTokens) {
  return config.added_tokens_decoder === undefined
    ? { ...ofConfig, ...ofMap }
    : { ...ofMap, ...ofConfig };
}
