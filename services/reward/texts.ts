import { InputError } from "@decorum/tensor";
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers";
import type { EncodedItem, TextClassifier, TextItem } from "@decorum/scoring";
import type { RewardConfig } from "@decorum/settings";

/** Texts of one request, as any door takes them. */
export interface Texts {
  readonly items: readonly TextItem[];
  /** What messages call the item at a position, as `item 3`. */
  readonly nameOf: (position: number) => string;
  /** True: what is too long is cut; false: refused. */
  readonly truncate: boolean;
  /** True: one batch, as it is. */
  readonly asSent: boolean;
}

type Limits = RewardConfig["limits"];

/**
 * Checks number and size of texts.
 *
 * @throws InputError naming the item
 */
export function checkTexts({ items, nameOf, asSent }: Texts, limits: Limits): void {
  const most = asSent ? limits.max_group_items : limits.max_items;
  if (items.length === 0 || items.length > most) {
    throw new InputError(
      `Cannot score ${items.length} items in one request: expected 1 to ${most}`,
    );
  }
  items.forEach((item, i) => checkSize(item, nameOf(i), limits));
}

/** Milliseconds of encoding after which other callers get their turn: a long word takes up to 60. */
const SLICE_MS = 5;

/**
 * Encodes texts that were checked. Large requests are encoded in slices of time, between which others are served.
 *
 * @throws InputError for an item with too many tokens, or too many of a group that is executed as sent; the
 * signal's reason
 */
export async function encodeTexts(
  { items, nameOf, truncate, asSent }: Texts,
  limits: Limits,
  classifier: Pick<TextClassifier, "encode">,
  signal: AbortSignal,
): Promise<EncodedItem[]> {
  const encoded: EncodedItem[] = [];
  let since = performance.now();
  for (const [i, item] of items.entries()) {
    if (performance.now() - since > SLICE_MS) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
      since = performance.now();
    }
    encoded.push(classifier.encode(item, { truncate }, nameOf(i)));
  }
  if (asSent) checkGroup(encoded, limits.max_group_tokens);
  return encoded;
}

function checkSize({ query = "", response }: TextItem, name: string, limits: Limits): void {
  const bytes = Buffer.byteLength(response) + Buffer.byteLength(query);
  if (bytes > limits.max_text_bytes) {
    throw new InputError(
      `Cannot score ${name}: its texts have ${bytes} bytes, at most ${limits.max_text_bytes} are allowed`,
    );
  }
  // A character has one UTF-16 unit or two.
  if (response.length + query.length <= limits.max_text_chars) return;
  const characters = [...response].length + [...query].length;
  if (characters <= limits.max_text_chars) return;
  throw new InputError(
    `Cannot score ${name}: its texts have ${characters} characters, at most ${limits.max_text_chars} are allowed`,
  );
}

function checkGroup(items: readonly EncodedItem[], most: number): void {
  const tokens = items.length * Math.max(...items.map(({ ids }) => ids.length));
  if (tokens <= most) return;
  throw new InputError(
    `Cannot score a group as sent: ${items.length} items padded to the longest are ${tokens} tokens, ` +
      `at most ${most} are allowed; send smaller groups`,
  );
}

/** A label by its name. */
export interface Label {
  readonly name: string;
  readonly index: number;
}

/**
 * The label whose logit is the score: the one asked for, else the server's default, else the only one there is.
 *
 * @throws InputError listing the labels there are
 */
export function labelOf(
  asked: string,
  byDefault: string | null,
  classifier: Pick<TextClassifier, "labels" | "labelIndex">,
): Label {
  const { labels } = classifier;
  const name = asked || byDefault || (labels.length === 1 ? labels[0]! : undefined);
  if (name === undefined) {
    throw new InputError(
      `Cannot score without a label: this server has no default; name one of ${
        labels.map((label) => `"${label}"`).join(", ")
      }`,
    );
  }
  return { name, index: classifier.labelIndex(name) };
}
