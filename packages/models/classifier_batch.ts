import { InputError, int64, type Tensor, zeros } from "@decorum/tensor";
import { type ClassifierConfig, maxPositions } from "./classifier_config.ts";
import { checkTokenIds } from "./token_batch.ts";

/** Texts padded to one length, as feeds of a classifier's graph. */
export interface ClassifierBatch {
  /** `input_ids` and `attention_mask` `[batch, time]` int64; for BERT `token_type_ids`, all 0. */
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** Positions that hold no token, of all positions that are computed. */
  readonly padding: { readonly padded: number; readonly total: number };
}

/**
 * Pads texts to the longest of them. Nothing is truncated: that is the tokenizer's work.
 *
 * @param ids token ids of each text, special tokens included
 * @param options.maxLength most tokens of a text; the model's positions are a limit in any case
 * @throws InputError for an empty batch or text, an id outside the vocabulary, a text over a limit, or a
 * `maxLength` that is no positive integer
 */
export function classifierBatch(
  ids: readonly (readonly number[])[],
  config: ClassifierConfig,
  options: { readonly maxLength?: number } = {},
): ClassifierBatch {
  checkTexts(ids, config, options);
  const width = Math.max(...ids.map((text) => text.length));
  const dims = [ids.length, width];
  const rows = (value: (id: number) => number, fill: number) =>
    int64(
      dims,
      ids.flatMap((text) => [
        ...text.map(value),
        ...Array<number>(width - text.length).fill(fill),
      ]),
    );
  const feeds = {
    input_ids: rows((id) => id, config.pad_token_id),
    attention_mask: rows(() => 1, 0),
  };
  const total = ids.length * width;
  const tokens = ids.reduce((n, text) => n + text.length, 0);
  return {
    feeds: config.model_type === "bert"
      ? { ...feeds, token_type_ids: zeros("int64", dims) }
      : feeds,
    padding: { padded: total - tokens, total },
  };
}

/**
 * Stops before texts that a classifier cannot take: the conditions of `classifierBatch`.
 *
 * @throws InputError naming the text
 */
export function checkTexts(
  ids: readonly (readonly number[])[],
  config: ClassifierConfig,
  options: { readonly maxLength?: number } = {},
): void {
  const { maxLength = Infinity } = options;
  if (!(maxLength >= 1) || (maxLength !== Infinity && !Number.isInteger(maxLength))) {
    throw new InputError(
      `Cannot limit texts to maxLength ${maxLength}: expected an integer of 1 or more`,
    );
  }
  if (ids.length === 0) {
    throw new InputError("Cannot make a batch of 0 texts: expected at least one");
  }
  for (const [i, text] of ids.entries()) {
    checkLength(text.length, i, config, maxLength);
    checkTokenIds(text, `text ${i}`, config.vocab_size);
  }
}

function checkLength(length: number, index: number, config: ClassifierConfig, maxLength: number) {
  const positions = maxPositions(config);
  if (length <= Math.min(maxLength, positions)) return;
  const limit = maxLength < positions
    ? `the limit is maxLength ${maxLength}`
    : `a ${config.model_type} of max_position_embeddings ${config.max_position_embeddings} ` +
      `has positions for ${positions}`;
  throw new InputError(
    `Cannot make a batch: text ${index} has ${length} tokens, but ${limit}; truncate it`,
  );
}
