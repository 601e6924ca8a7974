import { InputError } from "@decorum/tensor";
import type { LabelledText, TextPair } from "@decorum/learning";
import { encodeItem } from "@decorum/scoring";
import type { Prompt, Tokenizer } from "@decorum/text";
import { type DataRows, fill } from "./data.ts";
import { Lengths } from "./lengths.ts";

interface TextFormat {
  /** What the text answers: it is encoded before it, as the model's pair of texts. */
  readonly query: Prompt | undefined;
  readonly maxTokens: number;
  readonly truncate: boolean;
}

/** Texts with the name of their class in a column. */
export interface LabelFormat extends TextFormat {
  readonly text: Prompt;
  readonly label: Prompt;
  /** Names of the classes in the order of the logits. */
  readonly labels: readonly string[];
}

/** Pairs of texts of which one is preferred. */
export interface PairFormat extends TextFormat {
  readonly chosen: Prompt;
  readonly rejected: Prompt;
}

interface Examples<E> {
  readonly examples: E[];
  /** What was cut, in a line. */
  readonly note: string | undefined;
}

/**
 * @throws InputError for labels that the model lacks, a row that lacks a column, and texts that are too long
 * and may not be cut
 */
export function labelExamples(
  data: DataRows,
  tokenizer: Tokenizer,
  format: LabelFormat,
): Examples<LabelledText> {
  const unknown: { row: number; label: string }[] = [];
  const classes = data.rows.map((_, row) => {
    const label = fill(format.label, data, row).trim();
    const index = format.labels.indexOf(label);
    if (index < 0) unknown.push({ row, label });
    return index;
  });
  const [first] = unknown;
  if (first) {
    throw new InputError(
      `Cannot use ${data.name}: ${unknown.length} of ${classes.length} rows have a label that the model lacks ` +
        `(first: row ${first.row + 1}, "${first.label}"); its labels are ${
          format.labels.map((name) => `"${name}"`).join(", ")
        }`,
    );
  }
  return encodeAll(data, tokenizer, format, (encode, row) => ({
    ids: encode(format.text, row),
    label: classes[row]!,
  }));
}

/** @throws InputError for a row that lacks a column, and for texts that are too long and may not be cut */
export function pairExamples(
  data: DataRows,
  tokenizer: Tokenizer,
  format: PairFormat,
): Examples<TextPair> {
  return encodeAll(data, tokenizer, format, (encode, row) => ({
    chosen: encode(format.chosen, row),
    rejected: encode(format.rejected, row),
  }));
}

function encodeAll<E>(
  data: DataRows,
  tokenizer: Tokenizer,
  { query, maxTokens, truncate }: TextFormat,
  example: (encode: (text: Prompt, row: number) => readonly number[], row: number) => E,
): Examples<E> {
  const lengths = new Lengths();
  const encode = (text: Prompt, row: number): readonly number[] => {
    const item = {
      response: fill(text, data, row),
      ...(query ? { query: fill(query, data, row) } : {}),
    };
    const name = `row ${row + 1} of ${data.name}`;
    const { ids } = encodeItem(tokenizer, item, { maxTokens: Infinity, truncate: false }, name);
    const cut = lengths.exceeds("text", row, ids.length, maxTokens, "--max-tokens") && truncate;
    return cut ? encodeItem(tokenizer, item, { maxTokens, truncate }, name).ids : ids;
  };
  const examples = data.rows.map((_, row) => example(encode, row));
  return { examples, note: lengths.settle(data.name, examples.length, truncate) };
}
