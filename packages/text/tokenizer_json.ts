import { describeJson, InputError, isJsonObject, type JsonObject } from "@decorum/tensor";
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { parsePostProcessor } from "./post_processor.ts";
import {
  type AddedToken,
  addedToken,
  completeSpecialTokens,
  optionalBoolean,
  specialRoles,
  type SpecialTokens,
} from "./tokenizer_config.ts";
import { Tokenizer } from "./tokenizer.ts";

/** The parsed files of one tokenizer; the paths are for messages. */
export interface TokenizerFiles {
  /** The file that the vocabulary comes from. */
  readonly source: string;
  /** `tokenizer.json`, read or built. */
  readonly json: JsonObject;
  /** `tokenizer_config.json`, or an empty object. */
  readonly config: JsonObject;
  readonly configPath: string;
  /** `added_tokens.json` (token to id), or an empty object. */
  readonly addedTokens: JsonObject;
  readonly addedTokensPath: string;
  /** The special tokens that the configuration names. */
  readonly named: SpecialTokens;
}

/**
 * A tokenizer from a parsed `tokenizer.json`.
 *
 * @throws InputError for a field that is missing or malformed, or a special token that the
 *   configuration names and the vocabulary lacks.
 */
export function tokenizerFromJson(files: TokenizerFiles): Tokenizer {
  const { source, json, config, configPath, named } = files;
  const { unk_token: unk } = checkModel(json.model, source);
  const template = parsePostProcessor(json.post_processor, source);
  const added = allAddedTokens(files);
  const special = new Set(added.filter((token) => token.special).map((token) => token.content));
  const roles = completeSpecialTokens(
    typeof unk === "string" ? { unk, ...named } : named,
    special,
    template,
  );
  const model = buildModel(source, json, config, added, roles);
  let vocabSize = 0;
  for (const id of model.get_vocab().values()) vocabSize = Math.max(vocabSize, id + 1);

  const specialIds = new Set(added.filter((token) => token.special).map((token) => token.id));
  for (const role of specialRoles) {
    const content = roles[role];
    if (content === undefined) continue;
    const id = model.token_to_id(content);
    if (id === undefined) {
      throw new InputError(
        `Cannot use special token "${role}_token" = ${
          JSON.stringify(content)
        } of ${configPath} or special_tokens_map.json: it is not in the vocabulary of ${source}; add it there under "added_tokens", or take it out of the configuration`,
      );
    }
    specialIds.add(id);
  }
  return new Tokenizer({
    source,
    model,
    template,
    special: roles,
    specialIds,
    vocabSize,
    modelMaxLength: maxLength(config, configPath),
    truncationSide: config.truncation_side === "left" ? "left" : "right",
    cleanUpSpaces: optionalBoolean(config, "clean_up_tokenization_spaces", configPath) ?? false,
  });
}

/** The `model` of a `tokenizer.json`, of one of the kinds whose vocabulary can be read. */
function checkModel(model: unknown, source: string): JsonObject {
  const fail = (field: string, found: unknown, expected: string): never => {
    throw new InputError(
      `Cannot use field "${field}" of ${source}: expected ${expected}, found ${
        describeJson(found)
      }; is this a tokenizer.json?`,
    );
  };
  if (!isJsonObject(model)) return fail("model", model, "an object");
  // Older files name no type; a Unigram's vocabulary is an array of token and score.
  const { type, vocab } = model;
  if (type !== undefined && !["BPE", "WordPiece", "Unigram"].includes(String(type))) {
    fail("model.type", type, `"BPE", "WordPiece" or "Unigram"`);
  }
  const unigram = type === undefined ? Array.isArray(vocab) : type === "Unigram";
  if (unigram ? !Array.isArray(vocab) : !isJsonObject(vocab)) {
    fail("model.vocab", vocab, unigram ? "an array of [token, score]" : "an object of token to id");
  }
  if (type === "BPE" && !Array.isArray(model.merges)) {
    fail("model.merges", model.merges, "an array");
  }
  return model;
}

function buildModel(
  source: string,
  json: JsonObject,
  config: JsonObject,
  added: readonly AddedToken[],
  roles: SpecialTokens,
): HuggingFaceTokenizer {
  const parts = { normalizer: null, pre_tokenizer: null, decoder: null, ...json };
  try {
    return new HuggingFaceTokenizer(
      // Special tokens are placed by the template, so the model gets no post-processor.
      { ...parts, added_tokens: added, post_processor: null },
      // Unigram reads eos_token as a plain string.
      { ...config, eos_token: roles.eos },
    );
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError(`Cannot build a tokenizer from ${source}: ${reason}`, { cause });
  }
}

/** The added tokens of all three files that can hold them; `tokenizer.json` has the last word. */
function allAddedTokens(files: TokenizerFiles): AddedToken[] {
  const { source, json, config, configPath, addedTokens, addedTokensPath } = files;
  const byContent = new Map<string, AddedToken>();
  const add = (id: unknown, fields: JsonObject, where: string) => {
    const { content } = fields;
    if (typeof content !== "string" || typeof id !== "number" || !Number.isSafeInteger(id)) {
      throw new InputError(
        `Cannot use an added token of ${where}: expected "content" and "id", found ${
          JSON.stringify(fields)
        }`,
      );
    }
    const flag = (name: string, otherwise = false) =>
      typeof fields[name] === "boolean" ? fields[name] : otherwise;
    byContent.set(
      content,
      addedToken(id, content, {
        single_word: flag("single_word"),
        lstrip: flag("lstrip"),
        rstrip: flag("rstrip"),
        normalized: flag("normalized", !flag("special")),
        special: flag("special"),
      }),
    );
  };
  for (const [content, id] of Object.entries(addedTokens)) add(id, { content }, addedTokensPath);
  const decoder = config.added_tokens_decoder ?? {};
  if (!isJsonObject(decoder)) {
    throw new InputError(
      `Cannot use field "added_tokens_decoder" of ${configPath}: expected an object, found ${
        describeJson(decoder)
      }`,
    );
  }
  for (const [id, fields] of Object.entries(decoder)) {
    add(Number(id), isJsonObject(fields) ? fields : {}, `${configPath}, "added_tokens_decoder"`);
  }
  const own = json.added_tokens ?? [];
  if (!Array.isArray(own)) {
    throw new InputError(
      `Cannot use field "added_tokens" of ${source}: expected an array, found ${describeJson(own)}`,
    );
  }
  for (const fields of own as unknown[]) {
    const token = isJsonObject(fields) ? fields : {};
    add(token.id, token, `${source}, "added_tokens"`);
  }
  return [...byContent.values()];
}

/** `model_max_length`; transformers writes 1e30 for "no limit". */
function maxLength(config: JsonObject, where: string): number {
  const value = config.model_max_length ?? undefined;
  if (value === undefined) return Infinity;
  if (typeof value !== "number" || value <= 0) {
    throw new InputError(
      `Cannot use field "model_max_length" of ${where}: expected a positive number, found ${
        describeJson(value)
      }`,
    );
  }
  return value > Number.MAX_SAFE_INTEGER ? Infinity : value;
}
