import { int64, type Tensor } from "@decorum/tensor";
import {
  checkTexts,
  type Classifier,
  type ClassifierText,
  positionIds,
  tokenTypesOf,
} from "@decorum/models";

/**
 * Lengths that texts are padded to inside attention: 16, 32, 48, 64, then three quarters of a power of two and the
 * power itself, up to the first that holds `maxTokens`. Which one is a text's depends on the text alone, so that its
 * sums run over the same numbers in the same order whatever it is batched with.
 */
export function attentionLengths(maxTokens: number): number[] {
  const lengths = [16];
  for (let power = 32; lengths.at(-1)! < maxTokens; power *= 2) {
    for (const length of power < 64 ? [power] : [0.75 * power, power]) {
      if (lengths.at(-1)! < maxTokens) lengths.push(length);
    }
  }
  return lengths;
}

/** Name of the input that holds the rows of texts of one attention length. */
export function rowsInput(length: number): string {
  return `rows_${length}`;
}

/** Texts one after the other without padding, as feeds of a packed classifier's graph. */
interface PackedBatch {
  /** See `buildPackedClassifier`. */
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** Index of the caller's text for each row of the logits. */
  readonly order: readonly number[];
  /** Attention positions that hold no token, of all that are computed; linear layers compute tokens alone. */
  readonly padding: { readonly padded: number; readonly total: number };
}

/**
 * Lays texts out for a packed classifier.
 *
 * @param lengths as `attentionLengths` gives them
 * @throws InputError as `checkTexts` does
 */
export function packBatch(
  texts: readonly ClassifierText[],
  model: Classifier,
  lengths: readonly number[],
): PackedBatch {
  checkTexts(texts, model);
  const heads = model.config.num_attention_heads;
  const ids: number[] = [];
  const types: number[] = [];
  const positions: number[] = [];
  const places: number[] = [];
  const firstTokens: number[] = [];
  const order: number[] = [];
  const feeds: Record<string, Tensor> = {};
  let padded = 0;
  let base = 0;
  for (const [bucket, length] of lengths.entries()) {
    const shorter = lengths[bucket - 1] ?? 0;
    const rows: number[] = [];
    for (const [index, text] of texts.entries()) {
      const { ids: own } = text;
      if (own.length <= shorter || own.length > length) continue;
      order.push(index);
      firstTokens.push(ids.length);
      for (let i = 0; i < length; i++) rows.push(i < own.length ? ids.length + i : -1);
      positions.push(...positionIds(model, own));
      types.push(...tokenTypesOf(text));
      for (const [i, id] of own.entries()) {
        ids.push(id);
        for (let head = 0; head < heads; head++) places.push(base + head * length + i);
      }
      base += heads * length;
      padded += length - own.length;
    }
    feeds[rowsInput(length)] = int64([rows.length / length, length], rows);
  }
  feeds["input_ids"] = int64([ids.length], ids);
  if (model.tokenTypes > 0) feeds["token_type_ids"] = int64([ids.length], types);
  feeds["position_ids"] = int64([ids.length], positions);
  feeds["places"] = int64([ids.length, heads], places);
  feeds["first_tokens"] = int64([firstTokens.length], firstTokens);
  feeds["text_ids"] = int64(
    [ids.length],
    firstTokens.flatMap((first, text) =>
      Array<number>((firstTokens[text + 1] ?? ids.length) - first).fill(text)
    ),
  );
  return { feeds, order, padding: { padded, total: padded + ids.length } };
}
