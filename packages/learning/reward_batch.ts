import { type ClassifierConfig, maxPositions } from "@decorum/models";
import { padBatch } from "@decorum/text";
import { int64, type Tensor } from "@decorum/tensor";

/** A text with its class. */
export interface LabelledText {
  /** Token ids, special tokens included. */
  readonly ids: readonly number[];
  /** Index of the class. */
  readonly label: number;
}

/** Two texts, the first preferred. */
export interface TextPair {
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
}

/** Texts of an example, in the order in which a batch holds them. */
export function textsOf(example: LabelledText | TextPair): (readonly number[])[] {
  return "label" in example ? [example.ids] : [example.chosen, example.rejected];
}

/**
 * Feeds of a reward graph.
 *
 * @throws TypeError when labelled texts and pairs are mixed; RangeError for an empty text, an id outside the vocabulary, a text over the model's positions, an unknown label.
 */
export function rewardFeeds(
  examples: readonly (LabelledText | TextPair)[],
  config: ClassifierConfig,
): Record<string, Tensor> {
  const texts = examples.flatMap(textsOf);
  texts.forEach((ids, i) => checkText(ids, i, config));
  const { inputIds, attentionMask } = padBatch(texts, config.pad_token_id);
  const feeds = { input_ids: inputIds, attention_mask: attentionMask };
  const labelled = examples.filter((e) => "label" in e);
  if (labelled.length === 0) {
    const rows = (side: 0 | 1) => int64([examples.length], examples.map((_, i) => 2 * i + side));
    return { ...feeds, chosen: rows(0), rejected: rows(1) };
  }
  if (labelled.length < examples.length) {
    throw new TypeError("Cannot mix labelled texts and pairs in one batch");
  }
  for (const [i, { label }] of labelled.entries()) {
    if (Number.isInteger(label) && label >= 0 && label < config.labels.length) continue;
    throw new RangeError(
      `Cannot learn from text ${i}: its label is ${label}; expected 0 to ${
        config.labels.length - 1
      }`,
    );
  }
  return { ...feeds, labels: int64([labelled.length], labelled.map((e) => e.label)) };
}

function checkText(ids: readonly number[], index: number, config: ClassifierConfig): void {
  const limit = maxPositions(config);
  if (ids.length > limit) {
    throw new RangeError(
      `Cannot learn from text ${index}: it has ${ids.length} tokens; the model has ${limit} positions; truncate it`,
    );
  }
  const bad = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= config.vocab_size);
  if (bad === undefined) return;
  throw new RangeError(
    `Cannot learn from text ${index}: it has token id ${bad}; expected 0 to ${
      config.vocab_size - 1
    }`,
  );
}
