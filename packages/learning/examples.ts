import { isDeepStrictEqual } from "node:util";
import type { ClassifierText, Sequence } from "@decorum/models";
import { encodeItem } from "@decorum/scoring";
import { InputError } from "@decorum/tensor";
import { messagesOf, messagesText, type Prompt, type Row, type Tokenizer } from "@decorum/text";
import type { PreferencePair } from "./dpo.ts";
import type { LabelledText, TextPair } from "./reward.ts";

/** Rows of a data file, or of a part of it. */
export interface DataRows {
  /** What messages call it. */
  readonly name: string;
  readonly rows: readonly Row[];
}

/** Rows as a session learns from them. */
export interface Examples<E> {
  readonly examples: E[];
  /** What was cut, in a line. */
  readonly note: string | undefined;
}

/** How prompts and responses of an encoder-decoder are made of rows. */
interface SequenceFormat {
  readonly prompt: Prompt;
  readonly maxSourceTokens: number;
  readonly maxTargetTokens: number;
  readonly truncate: boolean;
}

/**
 * Token ids of prompts and responses, end tokens included.
 *
 * @throws InputError for a row that lacks a column, and for texts that are too long and may not be cut
 */
export function sftExamples(
  data: DataRows,
  tokenizer: Tokenizer,
  format: SequenceFormat & { readonly response: Prompt },
): Examples<Sequence> {
  return sequences(data, tokenizer, format, (query, target, row) => ({
    query,
    response: target(format.response, row),
  }));
}

/**
 * Token ids of prompts and of the two responses to each, end tokens included.
 *
 * @throws InputError as {@link sftExamples}
 */
export function preferenceExamples(
  data: DataRows,
  tokenizer: Tokenizer,
  format: SequenceFormat & { readonly chosen: Prompt; readonly rejected: Prompt },
): Examples<PreferencePair> {
  return sequences(data, tokenizer, format, (query, target, row) => ({
    query,
    chosen: target(format.chosen, row),
    rejected: target(format.rejected, row),
  }));
}

function sequences<E>(
  data: DataRows,
  tokenizer: Tokenizer,
  { prompt, maxSourceTokens, maxTargetTokens, truncate }: SequenceFormat,
  example: (query: readonly number[], target: Encode, row: number) => E,
): Examples<E> {
  const lengths = new Lengths();
  const encode = (part: "source" | "target", most: number): Encode => (template, row) => {
    const text = fill(template, data, row);
    const { ids } = tokenizer.encode(text);
    const cut = lengths.exceeds(part, row, ids.length, most, `--max-${part}-tokens`) && truncate;
    return cut ? tokenizer.encode(text, { maxLength: most, truncate: "first" }).ids : ids;
  };
  const [source, target] = [encode("source", maxSourceTokens), encode("target", maxTargetTokens)];
  const examples = data.rows.map((_, row) => example(source(prompt, row), target, row));
  return { examples, note: lengths.settle(data.name, examples.length, truncate) };
}

type Encode = (template: Prompt, row: number) => readonly number[];

/** How texts that a classifier reads are made of rows. */
interface TextFormat {
  /** What the text answers: it is encoded before it, as the model's pair of texts. */
  readonly query: Prompt | undefined;
  readonly maxTokens: number;
  readonly truncate: boolean;
}

/** Texts with the name of their class in a column. */
interface LabelFormat extends TextFormat {
  readonly text: Prompt;
  readonly label: Prompt;
  /** Names of the classes in the order of the logits. */
  readonly labels: readonly string[];
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
  return texts(data, tokenizer, format, (encode, row) => ({
    ...encode(format.text, row),
    label: classes[row]!,
  }));
}

/** @throws InputError for a row that lacks a column, and for texts that are too long and may not be cut */
export function pairExamples(
  data: DataRows,
  tokenizer: Tokenizer,
  format: TextFormat & { readonly chosen: Prompt; readonly rejected: Prompt },
): Examples<TextPair> {
  return texts(data, tokenizer, format, (encode, row) => ({
    chosen: encode(format.chosen, row),
    rejected: encode(format.rejected, row),
  }));
}

function texts<E>(
  data: DataRows,
  tokenizer: Tokenizer,
  { query, maxTokens, truncate }: TextFormat,
  example: (encode: (template: Prompt, row: number) => ClassifierText, row: number) => E,
): Examples<E> {
  const lengths = new Lengths();
  const encode = (text: Prompt, row: number): ClassifierText => {
    const item = {
      response: fill(text, data, row),
      ...(query ? { query: fill(query, data, row) } : {}),
    };
    const name = `row ${row + 1} of ${data.name}`;
    const limited = (limit: { maxTokens: number; truncate: boolean }): ClassifierText => {
      const { ids, tokenTypeIds } = encodeItem(tokenizer, item, limit, name);
      return tokenTypeIds?.some((type) => type !== 0) ? { ids, tokenTypeIds } : { ids };
    };
    const whole = limited({ maxTokens: Infinity, truncate: false });
    const { length } = whole.ids;
    const cut = lengths.exceeds("text", row, length, maxTokens, "--max-tokens") && truncate;
    return cut ? limited({ maxTokens, truncate }) : whole;
  };
  const examples = data.rows.map((_, row) => example(encode, row));
  return { examples, note: lengths.settle(data.name, examples.length, truncate) };
}

/**
 * Rows of preferences with the text of their messages in the place of lists of messages. Where `chosen` and `rejected`
 * are whole conversations, and `prompt` is no list of messages, the messages that both begin with are the prompt (as
 * TRL's `maybe_extract_prompt`).
 *
 * @param data with lists of messages as JSON
 * @throws InputError for a row in which a response is empty, or both are the same
 */
export function preferenceRows({ name, rows }: DataRows): DataRows {
  return { name, rows: rows.map((row, i) => preferenceRow(row, `row ${i + 1} of ${name}`)) };
}

function preferenceRow(row: Row, where: string): Row {
  const lists = new Map(
    Object.entries(row).map(([column, value]) => [
      column,
      messagesOf(parsedList(value), `Cannot use ${where}, column "${column}"`),
    ]),
  );
  const [chosen, rejected] = [lists.get("chosen"), lists.get("rejected")];
  if (chosen && rejected && !lists.get("prompt")) {
    let shared = 0;
    while (shared < chosen.length && isDeepStrictEqual(chosen[shared], rejected[shared])) shared++;
    if (shared >= Math.min(chosen.length, rejected.length)) {
      throw new InputError(
        `Cannot use ${where}: "chosen" and "rejected" do not part after the messages that they share; expected two responses`,
      );
    }
    if (shared > 0) lists.set("prompt", chosen.slice(0, shared));
    lists.set("chosen", chosen.slice(shared));
    lists.set("rejected", rejected.slice(shared));
  }
  const read = [...lists].map(([column, list]) => [
    column,
    list ? messagesText(list) : row[column]!,
  ]);
  return Object.fromEntries(read) as Row;
}

function parsedList(value: string): unknown {
  if (!value.startsWith("[")) return undefined;
  try {
    return JSON.parse(value);
  } catch {
    // A text that begins with a bracket.
    return undefined;
  }
}

/** Fills a template; the error of a row that lacks a column says which row. */
export function fill(prompt: Prompt, { name, rows }: DataRows, index: number): string {
  try {
    return prompt.render(rows[index]!);
  } catch (cause) {
    throw new InputError(`Cannot use row ${index + 1} of ${name}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Counts texts with more tokens than are allowed, and says what to do about them. */
class Lengths {
  #first: string | undefined;
  readonly #counts = new Map<string, number>();

  /**
   * @param part the text's role in messages, as "source"
   * @param option the option that sets `most`
   * @returns whether the text is too long
   */
  exceeds(part: string, row: number, tokens: number, most: number, option: string): boolean {
    if (tokens <= most) return false;
    this.#first ??= `row ${row + 1} has ${tokens} ${part} tokens, ${option} allows ${most}`;
    this.#counts.set(part, (this.#counts.get(part) ?? 0) + 1);
    return true;
  }

  /**
   * @returns a line that says how many texts were cut, if any were
   * @throws InputError when texts are too long and may not be cut
   */
  settle(data: string, rows: number, truncate: boolean): string | undefined {
    if (this.#first === undefined) return undefined;
    const counts = [...this.#counts].map(([part, n]) => `${n} ${part}${n === 1 ? "" : "s"}`);
    const found = `${counts.join(" and ")} of ${rows} rows`;
    if (truncate) return `${data}: cut ${found} that were too long (${this.#first})`;
    throw new InputError(
      `Cannot use ${data}: ${found} are too long (first: ${this.#first}); shorten them, allow more, or say --truncate`,
    );
  }
}
