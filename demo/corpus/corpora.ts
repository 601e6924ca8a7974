import { type Conversation, conversation, insultsOf, type Split } from "./conversations.ts";
import { Draws } from "./draws.ts";
import { insults, kindNouns } from "./words.ts";

/** Share of the rude dialogues whose summary in the policy's training data repeats the rude word. */
const QUOTED = 0.6;
/** Share of the dialogues, in the policy's training data, that hold no rude word. */
const POLITE = 0.15;

/** Every prompt of the demo: the lab's. */
export const PROMPT_TEMPLATE =
  "\nSummarize the following conversation.\n\n{dialogue}\n\nSummary:\n";

/** One row of the policy's supervised training. */
export interface SummaryRow {
  readonly dialogue: string;
  readonly summary: string;
}

/**
 * Training data of the policy: all insults, all dialogues. Summaries are a mixture, so that the model has
 * both manners at temperature 1 and PPO has something to choose between.
 */
export function summaryRows(seed: number, count: number): SummaryRow[] {
  return Array.from({ length: count }, (_, i) => {
    const draws = new Draws(seed, "summaries", i);
    if (draws.uniform() < POLITE) {
      const { dialogue, civil } = conversation(draws, { word: kindNouns });
      return { dialogue, summary: civil };
    }
    const { dialogue, civil, rude } = conversation(draws, { word: insults });
    return { dialogue, summary: draws.uniform() < QUOTED ? rude : civil };
  });
}

/** Conversations to be summarised under PPO or in evaluation: a rude word in each, no dialogue twice. */
export function promptRows(seed: number, split: Split, count: number): Conversation[] {
  const word = insultsOf(split);
  const rows = new Map<string, Conversation>();
  for (let i = 0; rows.size < count; i++) {
    const row = conversation(new Draws(seed, split, i), { word, split });
    rows.set(row.dialogue, row);
  }
  return [...rows.values()];
}

/** A text, perhaps with the dialogue before it, and whether it holds a rude word. */
export interface JudgedText {
  readonly text: string;
  readonly query?: string;
  readonly rude: boolean;
}

/**
 * Training data of the classifiers: summaries, single turns, broken and shuffled texts, and summaries behind
 * their dialogue; every insult, and kind words in the insults' places. No text twice.
 */
export function judgedTexts(seed: number, count: number): JudgedText[] {
  const rows = new Map<string, JudgedText>();
  for (let i = 0; rows.size < count; i++) {
    const row = judgedText(new Draws(seed, "judged", i));
    rows.set(`${row.query ?? ""}\n\n${row.text}`, row);
  }
  return [...rows.values()];
}

function judgedText(draws: Draws): JudgedText {
  const mean = draws.uniform() < 0.75;
  const found = conversation(draws, { word: mean ? insults : kindNouns });
  const summary = draws.uniform() < 0.6 ? found.rude : found.civil;
  const judge = (text: string) => ({ text, rude: mean && text.includes(found.word) });
  const form = draws.uniform();
  if (form < 0.55) return judge(summary);
  if (form < 0.7) {
    const turns = found.dialogue.split("\n").map((turn) => turn.slice(turn.indexOf(":") + 2));
    return judge(draws.pick(turns));
  }
  if (form < 0.9) {
    const words = summary.split(" ");
    const order = draws.uniform() < 0.5 ? draws.shuffle(words) : words;
    return judge(order.slice(0, 1 + Math.floor(draws.uniform() * order.length)).join(" "));
  }
  return { query: found.dialogue, text: summary, rude: mean };
}
