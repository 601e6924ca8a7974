import { describeJson, InputError, isJsonObject, type JsonObject } from "@decorum/tensor";

/** The parts a special token can play, under Hugging Face's names without `_token`. */
export const specialRoles = ["pad", "eos", "bos", "unk", "cls", "sep", "mask"] as const;

/** One of {@link specialRoles}. */
export type SpecialRole = typeof specialRoles[number];

/** The token each role has in one tokenizer; a role the tokenizer lacks is absent. */
export type SpecialTokens = { readonly [role in SpecialRole]?: string };

/** A token that is matched in the text before the model's own rules run. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

/** An added token with Hugging Face's defaults for what `fields` leaves out. */
export function addedToken(
  id: number,
  content: string,
  fields: Partial<AddedToken> = {},
): AddedToken {
  const flags = {
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  };
  return { ...flags, ...fields, id, content };
}

/** What a special token is called where no configuration names it: T5's and RoBERTa's, then BERT's. */
const customary: { readonly [role in SpecialRole]: readonly string[] } = {
  pad: ["<pad>", "[PAD]"],
  eos: ["</s>"],
  bos: ["<s>"],
  unk: ["<unk>", "[UNK]"],
  cls: ["[CLS]"],
  sep: ["[SEP]"],
  mask: ["<mask>", "[MASK]"],
};

/**
 * The tokens that a `tokenizer_config.json` or `special_tokens_map.json` names, by role.
 * A token is a string or an object with `content`; null means that the role is not filled.
 *
 * @throws InputError when a field such as `pad_token` is anything else.
 */
export function namedSpecialTokens(config: JsonObject, where: string): SpecialTokens {
  const named: { [role in SpecialRole]?: string } = {};
  for (const role of specialRoles) {
    const value = config[`${role}_token`] ?? undefined;
    if (value === undefined) continue;
    const content = isJsonObject(value) ? value.content : value;
    if (typeof content !== "string") {
      throw new InputError(
        `Cannot use field "${role}_token" of ${where}: expected a string or an object with "content", found ${
          describeJson(value)
        }`,
      );
    }
    named[role] = content;
  }
  return named;
}

/**
 * Fills the roles that `named` leaves open: first from `clsAndSep` (the post-processor's), then
 * from the special tokens that have a customary name.
 */
export function completeSpecialTokens(
  named: SpecialTokens,
  special: ReadonlySet<string>,
  clsAndSep: { readonly cls?: string; readonly sep?: string },
): SpecialTokens {
  const complete: { [role in SpecialRole]?: string } = { ...clsAndSep, ...named };
  for (const role of specialRoles) {
    if (complete[role] !== undefined) continue;
    const found = customary[role].find((token) => special.has(token));
    if (found !== undefined) complete[role] = found;
  }
  return complete;
}

/**
 * The field `name` of `object` as a boolean; undefined where it is absent or null.
 *
 * @throws InputError when the field holds anything else; `where` names the file in the message.
 */
export function optionalBoolean(
  object: JsonObject,
  name: string,
  where: string,
): boolean | undefined {
  const value = object[name] ?? undefined;
  if (value === undefined || typeof value === "boolean") return value;
  throw new InputError(
    `Cannot use field "${name}" of ${where}: expected true or false, found ${describeJson(value)}`,
  );
}
