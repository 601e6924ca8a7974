import { createHash } from "node:crypto";
import { rouge, type RougeScores } from "@decorum/text";
import { InputError } from "@decorum/tensor";
import type { RewardBatch, RewardSource } from "./source.ts";

/** Overlap with the human text of the row; null for a row without one. */
export interface RougeReward {
  readonly kind: "rouge";
  readonly type: keyof RougeScores;
  readonly measure: "fmeasure" | "precision" | "recall";
}

/** Minus how far the response's length is from `target`, over `target`; nothing within `tolerance`. */
export interface LengthReward {
  readonly kind: "length";
  readonly unit: "words" | "characters";
  readonly target: number;
  readonly tolerance: number;
}

/** Minus the share of n-grams of words that repeat an earlier one: 0 to -1. */
export interface RepetitionReward {
  readonly kind: "repetition";
  readonly n: number;
}

/** 1 where the pattern is found in the response, else 0. */
export interface RegexReward {
  readonly kind: "regex";
  readonly pattern: string;
  readonly flags: string;
}

/** A reward that needs nothing but the texts. */
export type BuiltinReward = RougeReward | LengthReward | RepetitionReward | RegexReward;

/** @throws InputError for a pattern that is no regular expression */
export function builtinSource(reward: BuiltinReward): RewardSource {
  const scoreOf = scorer(reward);
  const identity = createHash("sha256").update(JSON.stringify(reward)).digest("hex");
  return {
    score: (batch) => Promise.resolve({ scores: batch.responses.map((_, i) => scoreOf(batch, i)) }),
    version: () => Promise.resolve(identity),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function scorer(reward: BuiltinReward): (batch: RewardBatch, i: number) => number | null {
  switch (reward.kind) {
    case "rouge":
      return ({ responses, references }, i) => {
        const reference = references[i];
        if (reference === null || reference === undefined) return null;
        return rouge(responses[i]!, reference, { useStemmer: true })[reward.type][reward.measure];
      };
    case "length":
      return ({ responses }, i) => {
        const text = responses[i]!;
        const length = reward.unit === "words" ? wordsOf(text).length : [...text].length;
        const beyond = Math.max(0, Math.abs(length - reward.target) - reward.tolerance);
        return 0 - beyond / reward.target;
      };
    case "repetition":
      return ({ responses }, i) => 0 - repeated(wordsOf(responses[i]!), reward.n);
    case "regex": {
      const pattern = compiled(reward);
      return ({ responses }, i) => {
        pattern.lastIndex = 0;
        return pattern.test(responses[i]!) ? 1 : 0;
      };
    }
  }
}

/** Share of n-grams that occurred before; 0 for a text with fewer than two. */
function repeated(words: readonly string[], n: number): number {
  const count = words.length - n + 1;
  if (count < 2) return 0;
  const seen = new Set(
    Array.from({ length: count }, (_, i) => words.slice(i, i + n).join("\u0000")),
  );
  return (count - seen.size) / count;
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().split(/\s+/u).filter((word) => word !== "");
}

function compiled({ pattern, flags }: RegexReward): RegExp {
  try {
    return new RegExp(pattern, flags);
  } catch (cause) {
    throw new InputError(
      `Cannot use ${JSON.stringify(pattern)} as a reward: ${(cause as Error).message}`,
      { cause },
    );
  }
}
