import { describeJson, InputError, isJsonObject, type JsonObject } from "@decorum/tensor";

/** One place of a template: special tokens, or where the first (0) or second (1) text goes. */
type TemplateItem =
  | { readonly ids: readonly number[]; readonly typeId: number }
  | { readonly text: 0 | 1; readonly typeId: number };

/** How special tokens surround one text and a pair, as token ids. */
export interface Template {
  readonly single: readonly TemplateItem[];
  readonly pair: readonly TemplateItem[];
  /** The classifier and separator token, where the post-processor names them. */
  readonly cls?: string;
  readonly sep?: string;
}

const first = (typeId: number): TemplateItem => ({ text: 0, typeId });
const second = (typeId: number): TemplateItem => ({ text: 1, typeId });

/** No special tokens at all; the second text has token type 1, as in Hugging Face's default. */
const plainTemplate: Template = { single: [first(0)], pair: [first(0), second(1)] };

/**
 * Reads the `post_processor` of a `tokenizer.json` (null for none). The ids are interpreted here,
 * not by `@huggingface/tokenizers`: it gives RoBERTa's second text token type 1, where the
 * reference gives 0, and it cannot truncate a pair before the special tokens are placed.
 *
 * @throws InputError for a malformed field or a kind of post-processor that is not known.
 */
export function parsePostProcessor(value: unknown, where: string): Template {
  if (value === null || value === undefined) return plainTemplate;
  const fail = (field: string, found: unknown, expected: string): never => {
    throw new InputError(
      `Cannot use ${field} of ${where}: expected ${expected}, found ${describeJson(found)}`,
    );
  };
  if (!isJsonObject(value)) return fail("post_processor", value, "an object or null");
  switch (value.type) {
    case "ByteLevel":
      return plainTemplate;
    case "TemplateProcessing":
      return {
        single: templateItems(value, "single", fail),
        pair: templateItems(value, "pair", fail),
      };
    case "BertProcessing":
    case "RobertaProcessing": {
      const cls = tokenAndId(value.cls) ?? fail("post_processor.cls", value.cls, "[token, id]");
      const sep = tokenAndId(value.sep) ?? fail("post_processor.sep", value.sep, "[token, id]");
      const roberta = value.type === "RobertaProcessing";
      const special = (id: number, typeId = 0): TemplateItem => ({ ids: [id], typeId });
      const single = [special(cls.id), first(0), special(sep.id)];
      const pair = roberta
        ? [...single, special(sep.id), second(0), special(sep.id)]
        : [...single, second(1), special(sep.id, 1)];
      return { single, pair, cls: cls.token, sep: sep.token };
    }
    case "Sequence": {
      if (!Array.isArray(value.processors)) {
        return fail("post_processor.processors", value.processors, "an array");
      }
      const placing = value.processors
        .map((processor) => parsePostProcessor(processor, where))
        .filter((template) => template !== plainTemplate);
      if (placing.length > 1) {
        return fail("post_processor.processors", value.processors, "at most one that adds tokens");
      }
      return placing[0] ?? plainTemplate;
    }
    default:
      return fail(
        "post_processor.type",
        value.type,
        "TemplateProcessing, RobertaProcessing, BertProcessing, ByteLevel or Sequence",
      );
  }
}

function tokenAndId(value: unknown): { token: string; id: number } | undefined {
  if (!Array.isArray(value)) return undefined;
  const [token, id] = value as unknown[];
  return typeof token === "string" && typeof id === "number" ? { token, id } : undefined;
}

function templateItems(
  processor: JsonObject,
  name: "single" | "pair",
  fail: (field: string, found: unknown, expected: string) => never,
): TemplateItem[] {
  const items = processor[name];
  const specials = processor.special_tokens ?? {};
  if (!Array.isArray(items)) return fail(`post_processor.${name}`, items, "an array");
  if (!isJsonObject(specials)) {
    return fail("post_processor.special_tokens", specials, "an object");
  }
  return items.map((item: unknown, i): TemplateItem => {
    const field = `post_processor.${name}[${i}]`;
    if (!isJsonObject(item)) return fail(field, item, "an object");
    const { Sequence: sequence, SpecialToken: special } = item;
    if (isJsonObject(sequence)) {
      const text = sequence.id === "A" ? 0 : sequence.id === "B" ? 1 : undefined;
      if (text === undefined) return fail(`${field}.Sequence.id`, sequence.id, `"A" or "B"`);
      return { text, typeId: typeIdOf(sequence) };
    }
    if (!isJsonObject(special)) return fail(field, item, "Sequence or SpecialToken");
    const token = typeof special.id === "string" ? specials[special.id] : undefined;
    const ids: unknown = isJsonObject(token) ? token.ids : undefined;
    if (!Array.isArray(ids) || !ids.every((id) => typeof id === "number")) {
      return fail(`${field}.SpecialToken.id`, special.id, "a key of special_tokens with ids");
    }
    return { ids, typeId: typeIdOf(special) };
  });
}

function typeIdOf(item: JsonObject): number {
  return typeof item.type_id === "number" ? item.type_id : 0;
}

/** How many special tokens the items add. */
export function specialTokenCount(items: readonly TemplateItem[]): number {
  return items.reduce((n, item) => n + ("ids" in item ? item.ids.length : 0), 0);
}

/** Puts the texts' ids into the template: the ids, and the token type of each. */
export function applyTemplate(
  items: readonly TemplateItem[],
  texts: readonly [readonly number[], readonly number[]],
): { ids: number[]; tokenTypeIds: number[] } {
  const ids: number[] = [];
  const tokenTypeIds: number[] = [];
  for (const item of items) {
    for (const id of "ids" in item ? item.ids : texts[item.text]) {
      ids.push(id);
      tokenTypeIds.push(item.typeId);
    }
  }
  return { ids, tokenTypeIds };
}
