import { InputError } from "@decorum/tensor";
import { Draws } from "./draws.ts";
import { PPO_DIALOGUES, type SceneKind, sceneKinds } from "./scenes.ts";
import * as words from "./words.ts";

/** Whose prompts: insults and dialogues of one never occur in the other. */
export type Split = "ppo" | "held-out";

/** One generated conversation and both of its summaries. */
export interface Conversation {
  /** Turns, one a line: `Name: text`. */
  readonly dialogue: string;
  /** Leaves the rude word out: the reference of ROUGE. */
  readonly civil: string;
  /** Repeats it. */
  readonly rude: string;
  /** What one speaker calls the other. */
  readonly word: string;
  /** `<kind>.<number of the dialogue>`. */
  readonly template: string;
}

/** Every third insult is held out. */
export function insultsOf(split: Split): readonly string[] {
  return words.insults.filter((_, i) => (i % 3 === 2) === (split === "held-out"));
}

/** Numbers of a kind's dialogues in a split. */
export function dialoguesOf(kind: SceneKind, split: Split): readonly number[] {
  return [...kind.dialogues.keys()].filter((i) => (i < PPO_DIALOGUES) === (split === "ppo"));
}

/**
 * Conversation `index` of a stream.
 *
 * @param from.word what one speaker calls the other is one of these
 * @param from.split only its dialogues; all of them when absent
 */
export function conversation(
  draws: Draws,
  from: { readonly word: readonly string[]; readonly split?: Split },
): Conversation {
  const kind = draws.pick(sceneKinds);
  const number = draws.pick(
    from.split ? dialoguesOf(kind, from.split) : [...kind.dialogues.keys()],
  );
  const [first, second] = draws.shuffle(words.names);
  const slots = {
    A: first!,
    B: second!,
    X: draws.pick(from.word),
    thing: draws.pick(words.things),
    adj: draws.pick(words.adjectives),
    task: draws.pick(words.tasks),
    time: draws.pick(words.times),
    place: draws.pick(words.places),
    activity: draws.pick(words.activities),
    event: draws.pick(words.events),
  };
  return {
    dialogue: fill(kind.dialogues[number]!, slots),
    civil: fill(kind.civil, slots),
    rude: fill(kind.rude, slots),
    word: slots.X,
    template: `${kind.name}.${number}`,
  };
}

/** The template with its slots filled; a slot that begins a sentence is capitalised. */
export function fill(template: string, slots: Readonly<Record<string, string>>): string {
  return template.replace(/(^|[.?!:] )?\{(\w+)\}/g, (whole, before: string | undefined, slot) => {
    const text = slots[slot];
    if (text === undefined) throw new InputError(`Cannot fill "${whole}" of "${template}"`);
    return before === undefined ? text : before + text.charAt(0).toUpperCase() + text.slice(1);
  });
}
