import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { ConfigError } from "@decorum/settings";

/** A dialogue, a turn a line, and what a human wrote about it. */
export interface Dialogue {
  readonly dialogue: string;
  readonly summary: string;
}

/** A toxic sentence and a neutral rewrite of it. */
export interface SentencePair {
  readonly toxic: string;
  readonly neutral: string;
}

/** A text, and whether people called it toxic. */
export interface JudgedText {
  readonly text: string;
  readonly toxic: boolean;
}

/** Largest file, unpacked, in bytes. */
const MOST = 1 << 28;

/**
 * The file as text: as it is, or unpacked by the command `xz` where only `<file>.xz` is there.
 *
 * @throws ConfigError when neither is there; Error when `xz` is not installed or fails
 */
export function readSource(folder: string, file: string): string {
  const path = join(folder, file);
  if (existsSync(path)) return readFileSync(path, "utf8");
  if (!existsSync(`${path}.xz`)) {
    throw new ConfigError([
      `--data is "${folder}": it has neither ${file} nor ${file}.xz; docs/experiments.md lists what must be there`,
    ]);
  }
  try {
    return execFileSync("xz", ["--decompress", "--stdout", `${path}.xz`], {
      encoding: "utf8",
      maxBuffer: MOST,
    });
  } catch (cause) {
    const { message } = cause as Error;
    throw new Error(`Cannot unpack ${path}.xz with the command xz: ${message}`, { cause });
  }
}

/** Speakers without the number signs, which cost a T5 tokenizer two tokens each: `Person1`. */
function plainSpeakers(text: string): string {
  return text.replace(/#(Person\d+)#/g, "$1");
}

/** DialogSum's rows; where a dialogue has several summaries, the first. */
export function readDialogues(folder: string, part: "train" | "dev" | "test"): Dialogue[] {
  const lines = readSource(folder, `dialogsum/dialogsum.${part}.jsonl`).split("\n");
  return lines.filter((line) => line.trim() !== "").map((line) => {
    const row = JSON.parse(line) as Record<string, string>;
    return {
      dialogue: plainSpeakers(row["dialogue"] ?? "").replaceAll("\r", "").trim(),
      summary: onOneLine(plainSpeakers(row["summary"] ?? row["summary1"] ?? "")),
    };
  });
}

/** ParaDetox's pairs: each toxic sentence with its first rewrite; sentences without one are left out. */
export function readSentencePairs(folder: string): SentencePair[] {
  const [, ...lines] = readSource(folder, "toxicity/paradetox.tsv").split(/\r?\n/);
  return lines.flatMap((line) => {
    const [toxic, neutral] = line.split("\t").map(onOneLine);
    return toxic && neutral ? [{ toxic, neutral }] : [];
  });
}

/** Davidson et al.'s tweets; toxic: "hate speech" and "offensive language", as most of its annotators said. */
export function readTweets(folder: string): JudgedText[] {
  const rows = parse(readSource(folder, "toxicity/davidson.labeled_data.csv"), {
    columns: true,
  }) as { class: string; tweet: string }[];
  return rows.map((row) => ({ text: plainTweet(row.tweet), toxic: row.class !== "2" }))
    .filter(({ text }) => text !== "");
}

/** A tweet without what only tweets have: retweet marks, names, addresses, entities. */
function plainTweet(text: string): string {
  return onOneLine(
    text.replace(/&#?\w+;|https?:\S+|@\w+:?|\bRT\b/g, " ").replace(/^[!"\s:]+/, ""),
  );
}

function onOneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
