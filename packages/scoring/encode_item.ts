import { InputError } from "@decorum/tensor";
import type { Tokenizer } from "@decorum/text";

/** A text to score: a response, alone or after the query that it answers. */
export interface TextItem {
  readonly query?: string | undefined;
  readonly response: string;
}

/** An item as a classifier takes it. */
export interface EncodedItem {
  /** Token ids, special tokens included. */
  readonly ids: readonly number[];
  /** Tokens that were cut off. */
  readonly truncated: number;
}

/** An item has more tokens than the classifier or the limits take. */
export class TooLongError extends InputError {
  override readonly name = "TooLongError";
}

export interface ItemLimit {
  /** The most tokens of an item, special ones included. */
  readonly maxTokens: number;
  /** Cuts what is too long: of a pair the query, never the response; else the response, at its end. */
  readonly truncate: boolean;
}

/**
 * Encodes an item in the classifier's own format for one text or for a pair.
 *
 * @param name the item in messages, as `item 3`
 * @throws TooLongError when it is too long and may not be cut, or the response of a pair is too long by itself
 */
export function encodeItem(
  tokenizer: Tokenizer,
  { query, response }: TextItem,
  { maxTokens, truncate }: ItemLimit,
  name: string,
): EncodedItem {
  const encode = (limit: { maxLength?: number; truncate?: "first" }) =>
    query === undefined
      ? tokenizer.encode(response, limit)
      : tokenizer.encodePair(query, response, limit);
  const whole = encode({});
  if (whole.ids.length <= maxTokens) return { ids: whole.ids, truncated: 0 };
  const found = `Cannot score ${name}: it has ${whole.ids.length} tokens, at most ${maxTokens} ` +
    "are allowed";
  if (!truncate) throw new TooLongError(`${found}; shorten it, or set truncate`);
  // A response that would not fit behind an empty query.
  if (query !== undefined && tokenizer.encodePair("", response).ids.length > maxTokens) {
    throw new TooLongError(`${found}; a response is never cut, and this one alone is too long`);
  }
  return encode({ maxLength: maxTokens, truncate: "first" });
}
