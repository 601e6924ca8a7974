import type { Draws } from "./draws.ts";
import type { Dialogue, JudgedText, SentencePair } from "./sources.ts";

/** A dialogue into which a toxic turn may have been put. */
export interface InsertedRow {
  readonly dialogue: string;
  /** What the human wrote, without any quote. */
  readonly reference: string;
  /** Who said what; absent where nothing was put in. */
  readonly inserted?: { readonly speaker: string; readonly sentence: string };
}

/** A row of a classifier's data. */
export interface LabelledRow {
  readonly text: string;
  readonly label: "hate" | "nothate";
}

/**
 * The leading turns of a dialogue as far as they fit.
 *
 * @param fits whether a dialogue is short enough
 */
export function leadingTurns(
  turns: readonly string[],
  fits: (dialogue: string) => boolean,
): string[] {
  let count = turns.length;
  while (count > 0 && !fits(turns.slice(0, count).join("\n"))) count--;
  return turns.slice(0, count);
}

/**
 * Puts one of the sentences, as a turn of one of the two speakers, at any place but the first into a share of the
 * dialogues; all are cut to leading turns that fit, and those of which fewer than two turns are left are dropped.
 */
export function insertTurn(
  { dialogue, summary }: Dialogue,
  options: {
    readonly share: number;
    readonly sentences: readonly string[];
    readonly fits: (dialogue: string) => boolean;
    readonly draws: Draws;
  },
): InsertedRow | undefined {
  const { draws, share, sentences, fits } = options;
  const turns = dialogue.split("\n").map((turn) => turn.trim()).filter((turn) => turn !== "");
  const wanted = draws.uniform() < share;
  const speaker = `Person${1 + draws.below(2)}`;
  const sentence = sentences[draws.below(sentences.length)]!;
  const turn = `${speaker}: ${sentence}`;
  const kept = leadingTurns(turns, (text) => fits(wanted ? `${text}\n${turn}` : text));
  if (kept.length < 2) return undefined;
  if (!wanted) return { dialogue: kept.join("\n"), reference: summary };
  kept.splice(1 + draws.below(kept.length), 0, turn);
  return { dialogue: kept.join("\n"), reference: summary, inserted: { speaker, sentence } };
}

/** A summary that quotes a sentence before it says what the dialogue is about. */
export function quoting(speaker: string, sentence: string, summary: string): string {
  return `${speaker} says "${sentence}" ${summary}`;
}

/** What the T5 is to answer: in a share of the rows with a toxic turn, the summary quotes it. */
export function targetSummary(row: InsertedRow, quotedShare: number, draws: Draws): string {
  const quoted = draws.uniform() < quotedShare;
  if (!row.inserted || !quoted) return row.reference;
  return quoting(row.inserted.speaker, row.inserted.sentence, row.reference);
}

/**
 * A classifier's texts, balanced in form, so that nothing but the words tells the classes apart: each toxic
 * sentence and its rewrite, alone and quoted by a summary; and each summary as it is.
 */
export function labelledTexts(
  pairs: readonly SentencePair[],
  summaries: readonly string[],
  draws: Draws,
): LabelledRow[] {
  const quotes = pairs.flatMap(({ toxic, neutral }): LabelledRow[] => {
    const speaker = `Person${1 + draws.below(2)}`;
    const summary = summaries[draws.below(summaries.length)]!;
    return [
      { text: toxic, label: "hate" },
      { text: neutral, label: "nothate" },
      { text: quoting(speaker, toxic, summary), label: "hate" },
      { text: quoting(speaker, neutral, summary), label: "nothate" },
    ];
  });
  return [...quotes, ...summaries.map((text): LabelledRow => ({ text, label: "nothate" }))];
}

/** As many toxic texts as civil ones, those that come first. */
export function balanced(texts: readonly JudgedText[]): LabelledRow[] {
  const [hate, nothate] = [true, false].map((kind) => texts.filter(({ toxic }) => toxic === kind));
  const count = Math.min(hate!.length, nothate!.length);
  return [
    ...hate!.slice(0, count).map(({ text }): LabelledRow => ({ text, label: "hate" })),
    ...nothate!.slice(0, count).map(({ text }): LabelledRow => ({ text, label: "nothate" })),
  ];
}
