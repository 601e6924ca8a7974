import { InputError } from "@decorum/tensor";
import { join } from "node:path";
import { loadTokenizer, parsePrompt, splitRows } from "@decorum/text";
import { replaceFile } from "@decorum/tensor";
import { Draws } from "./draws.ts";
import {
  balanced,
  type InsertedRow,
  insertTurn,
  type LabelledRow,
  labelledTexts,
  targetSummary,
} from "./rows.ts";
import type { Settings } from "./settings.ts";
import {
  type Dialogue,
  readDialogues,
  readSentencePairs,
  readTweets,
  type SentencePair,
} from "./sources.ts";

/** What is in the files that {@link prepare} writes. */
export interface Prepared {
  /** Rows by file. */
  readonly rows: Readonly<Record<string, number>>;
  /** Of the rows that the T5 learns from, those whose dialogue has a toxic turn, and those whose summary quotes it. */
  readonly inserted: number;
  readonly quoted: number;
  /** Of the held-out dialogues, those with a toxic turn. */
  readonly test_inserted: number;
  /** Toxic sentences by who gets them. */
  readonly sentences: Readonly<Record<string, number>>;
}

/** Everything that is drawn by one seed; no file or device decides it. */
interface Work {
  readonly settings: Settings["data"];
  readonly seed: number;
  /** Tokens of a T5 text, the end included. */
  readonly tokens: (text: string) => number;
}

/**
 * Makes the data of all models from the folder `data` and writes it to `out`: JSON lines by file, the same for the
 * same settings, seed and sources.
 *
 * @throws ConfigError when a source is missing; InputError when a file would be empty
 */
export function prepare(data: string, out: string, settings: Settings, seed: number): Prepared {
  const tokenizer = loadTokenizer(join(data, "tokenizers", "flan-t5"));
  const work: Work = {
    settings: settings.data,
    seed,
    tokens: (text) => tokenizer.encode(text).ids.length,
  };
  const sentences = dealSentences(readSentencePairs(data), work);
  const dialogues = dealDialogues(readDialogues(data, "train"), work);
  const { generate } = dialogues;
  const copies = Array.from({ length: settings.data.copies }, (_, copy) => copy);
  const sft = copies.flatMap((copy) => inserted(generate, sentences.train, work, `sft ${copy}`));
  const dev = inserted(usable(readDialogues(data, "dev"), work), sentences.train, work, "dev");
  const ppo = inserted(generate, sentences.train, work, "ppo");
  const test = inserted(lengthFits(readDialogues(data, "test"), work), sentences.test, work, "test")
    .slice(0, settings.ppo.held_out);
  const sftRows = withTargets(sft, work, "sft");
  const known = new Set(
    [...sentences.reward, ...sentences.test, ...sentences.train].map(({ toxic }) => plain(toxic)),
  );
  const tweets = new Draws(seed, "tweets");
  const judged = shuffled(readTweets(data).filter(({ text }) => !known.has(plain(text))), tweets);
  const files: Record<string, readonly object[]> = {
    "sft.train": sftRows,
    "sft.dev": withTargets(dev, work, "dev"),
    "ppo": ppo.map(({ dialogue, reference }) => ({ dialogue, reference })),
    "test": test.map(({ dialogue, reference, inserted }) => ({
      dialogue,
      reference,
      inserted: inserted?.sentence ?? "",
    })),
    ...divided("reward", sentences.reward, dialogues.reward, [], work),
    ...divided("judge", sentences.judge, dialogues.judge, balanced(judged), work),
  };
  for (const [name, rows] of Object.entries(files)) {
    if (rows.length === 0) {
      throw new InputError(
        `Cannot prepare ${name}.jsonl: no row is left of ${data}; loosen the limits of the settings`,
      );
    }
    replaceFile(join(out, `${name}.jsonl`), rows.map((row) => JSON.stringify(row) + "\n").join(""));
  }
  return {
    rows: Object.fromEntries(Object.entries(files).map(([name, rows]) => [name, rows.length])),
    inserted: sft.filter(({ inserted }) => inserted).length,
    quoted: sftRows.filter(({ summary }, i) => summary !== sft[i]!.reference).length,
    test_inserted: test.filter(({ inserted }) => inserted).length,
    sentences: Object.fromEntries(Object.entries(sentences).map(([k, v]) => [k, v.length])),
  };
}

/** Toxic sentences for reward, judge, training and test: no sentence goes to two of them. */
function dealSentences(pairs: readonly SentencePair[], { settings, seed, tokens }: Work) {
  const parts = splitRows(pairs.map((pair) => ({ ...pair })), {
    parts: settings.sentences,
    seed,
    by: "toxic",
  }) as unknown as Record<keyof Settings["data"]["sentences"], SentencePair[]>;
  const short = (list: readonly SentencePair[]) =>
    list.filter(({ toxic }) => tokens(toxic) <= settings.max_sentence_tokens);
  return { ...parts, train: short(parts.train), test: short(parts.test) };
}

/** Training dialogues that are generated from, and those whose summaries the classifiers see. */
function dealDialogues(all: readonly Dialogue[], work: Work) {
  const { settings, seed } = work;
  return splitRows(usable(all, work).map((row) => ({ ...row })), {
    parts: settings.dialogues,
    seed,
    by: "dialogue",
  }) as unknown as Record<keyof Settings["data"]["dialogues"], Dialogue[]>;
}

function lengthFits(rows: readonly Dialogue[], { settings }: Work): Dialogue[] {
  return rows.filter(({ dialogue }) => {
    const { length } = [...dialogue];
    return length >= settings.min_chars && length <= settings.max_chars;
  });
}

function usable(rows: readonly Dialogue[], work: Work): Dialogue[] {
  return lengthFits(rows, work).filter(({ summary }) =>
    summary !== "" && work.tokens(summary) <= work.settings.max_summary_tokens
  );
}

function inserted(
  rows: readonly Dialogue[],
  pairs: readonly SentencePair[],
  { settings, seed, tokens }: Work,
  label: string,
): InsertedRow[] {
  const prompt = parsePrompt(settings.prompt, ["dialogue"]);
  const draws = new Draws(seed, "insert", label);
  const options = {
    share: settings.inserted_share,
    sentences: pairs.map(({ toxic }) => toxic),
    fits: (dialogue: string) => tokens(prompt.render({ dialogue })) <= settings.max_prompt_tokens,
    draws,
  };
  if (pairs.length === 0) {
    throw new InputError(
      `Cannot insert toxic turns (${label}): no sentence has at most ${settings.max_sentence_tokens} tokens`,
    );
  }
  return rows.flatMap((row) => insertTurn(row, options) ?? []);
}

function withTargets(rows: readonly InsertedRow[], { settings, seed }: Work, label: string) {
  const draws = new Draws(seed, "quote", label);
  return rows.map((row) => ({
    dialogue: row.dialogue,
    summary: targetSummary(row, settings.quoted_share, draws),
  }));
}

/** A classifier's training and held-out texts: no sentence, summary or tweet is in both. */
function divided(
  role: string,
  pairs: readonly SentencePair[],
  dialogues: readonly Dialogue[],
  others: readonly LabelledRow[],
  { settings, seed }: Work,
): Record<string, LabelledRow[]> {
  const divide = <T>(list: readonly T[]): [T[], T[]] => {
    const end = Math.round(list.length * settings.held_out_share);
    return [list.slice(end), list.slice(0, end)];
  };
  const [trainPairs, testPairs] = divide(pairs);
  const [train, test] = divide(dialogues.map(({ summary }) => summary));
  const [otherTrain, otherTest] = divide(shuffled(others, new Draws(seed, role, "others")));
  const texts = (part: string, p: readonly SentencePair[], s: readonly string[]) =>
    labelledTexts(p, s, new Draws(seed, role, part));
  return {
    [`${role}.train`]: [...texts("train", trainPairs, train), ...otherTrain],
    [`${role}.test`]: [...texts("test", testPairs, test), ...otherTest],
  };
}

/** In random order (Fisher-Yates). */
function shuffled<T>(items: readonly T[], draws: Draws): T[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = draws.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

function plain(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, " ").trim();
}
