import { Buffer } from "node:buffer";
import type { rewardV1 } from "@decorum/rpc";
import type { EncodedItem, TextClassifier } from "@decorum/scoring";
import type { RewardConfig } from "./config.ts";

/** A request as domain values; everything in it has been checked. */
export interface ParsedScore {
  readonly items: readonly EncodedItem[];
  readonly label: { readonly name: string; readonly index: number };
  readonly asSent: boolean;
}

type Bounds = Pick<RewardConfig, "limits" | "label">;

/**
 * Checks a request and encodes its items.
 *
 * @throws RangeError or TypeError naming field and item
 */
export function parseScore(
  request: rewardV1.ScoreRequest__Output,
  { limits, label }: Bounds,
  classifier: TextClassifier,
): ParsedScore {
  const { items, truncate, asSent } = request;
  if (items.length === 0 || items.length > limits.max_items) {
    throw new RangeError(
      `Cannot score ${items.length} items in one request: expected 1 to ${limits.max_items}`,
    );
  }
  const named = labelOf(request.label, label, classifier);
  const ids = new Set<string>();
  const encoded = items.map((item, i) => {
    const name = item.id === "" ? `item ${i}` : `item ${JSON.stringify(item.id)}`;
    if (item.id !== "" && ids.has(item.id)) {
      throw new RangeError(`Cannot score ${name} twice: ids are unique in a request, or empty`);
    }
    ids.add(item.id);
    const bytes = Buffer.byteLength(item.response) + Buffer.byteLength(item.query ?? "");
    if (bytes > limits.max_text_bytes) {
      throw new RangeError(
        `Cannot score ${name}: its texts have ${bytes} bytes, at most ${limits.max_text_bytes} are allowed`,
      );
    }
    return classifier.encode(item, { truncate }, name);
  });
  if (asSent) checkGroup(encoded, limits.max_group_tokens);
  return { items: encoded, label: named, asSent };
}

function labelOf(asked: string, byDefault: string | null, classifier: TextClassifier) {
  const name = asked === "" ? byDefault : asked;
  if (name === null) {
    throw new RangeError(
      `Cannot score without a label: this server has no default; name one of ${
        classifier.labels.map((label) => `"${label}"`).join(", ")
      }`,
    );
  }
  return { name, index: classifier.labelIndex(name) };
}

function checkGroup(items: readonly EncodedItem[], most: number): void {
  const tokens = items.length * Math.max(...items.map(({ ids }) => ids.length));
  if (tokens <= most) return;
  throw new RangeError(
    `Cannot score a group as sent: ${items.length} items padded to the longest are ${tokens} tokens, ` +
      `at most ${most} are allowed; send smaller groups`,
  );
}
