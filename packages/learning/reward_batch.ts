import { classifierBatch, type ClassifierConfig } from "@decorum/models";
import { InputError, int64, type Tensor } from "@decorum/tensor";

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
 * @throws InputError when labelled texts and pairs are mixed; InputError for an empty text, an id outside the vocabulary, a text over the model's positions, an unknown label.
 */
export function rewardFeeds(
  examples: readonly (LabelledText | TextPair)[],
  config: ClassifierConfig,
): Record<string, Tensor> {
  const { feeds } = classifierBatch(examples.flatMap(textsOf), config);
  const labelled = examples.filter((e) => "label" in e);
  if (labelled.length === 0) {
    const rows = (side: 0 | 1) => int64([examples.length], examples.map((_, i) => 2 * i + side));
    return { ...feeds, chosen: rows(0), rejected: rows(1) };
  }
  if (labelled.length < examples.length) {
    throw new InputError("Cannot mix labelled texts and pairs in one batch");
  }
  for (const [i, { label }] of labelled.entries()) {
    if (Number.isInteger(label) && label >= 0 && label < config.labels.length) continue;
    throw new InputError(
      `Cannot learn from text ${i}: its label is ${label}; expected 0 to ${
        config.labels.length - 1
      }`,
    );
  }
  return { ...feeds, labels: int64([labelled.length], labelled.map((e) => e.label)) };
}
