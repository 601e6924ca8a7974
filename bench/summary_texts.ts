import { InputError } from "@decorum/tensor";
import { readFileSync } from "node:fs";

/**
 * Summaries of DialogSum by their length in RoBERTa's tokens: 8 to 15, 16 to 23, ... All 14,460 of its three parts,
 * mean 36, counted once; the texts themselves are not here.
 */
const histogram = new Map([
  [8, 207],
  [16, 2477],
  [24, 3722],
  [32, 3241],
  [40, 2190],
  [48, 1226],
  [56, 676],
  [64, 344],
  [72, 176],
  [80, 98],
  [88, 37],
  [96, 28],
  [104, 15],
  [112, 7],
  [120, 3],
  [128, 2],
  [136, 4],
  [152, 2],
  [160, 2],
  [176, 2],
  [248, 1],
]);
/** Ids that a RoBERTa puts around a text. */
const SPECIAL = 2;

/** Reproducible numbers in [0, 1). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 2 ** 31;
  };
}

/** Texts of letters, a token each, whose lengths in tokens follow DialogSum's summaries. */
export function letterTexts(count: number): string[] {
  const next = random(7);
  const total = [...histogram.values()].reduce((sum, n) => sum + n, 0);
  return Array.from({ length: count }, () => {
    let left = next() * total;
    let length = 8;
    for (const [from, n] of histogram) {
      length = from + Math.floor(8 * next());
      left -= n;
      if (left < 0) break;
    }
    return Array.from({ length: length - SPECIAL }, () => String.fromCharCode(97 + 26 * next()))
      .join("");
  });
}

/** The first texts of a file with one a line; again from its start where it has fewer. */
export function fileTexts(file: string, count: number): string[] {
  const lines = readFileSync(file, "utf8").split("\n").filter((line) => line.trim() !== "");
  if (lines.length === 0) throw new InputError(`Cannot take texts from ${file}: it has none`);
  return Array.from({ length: count }, (_, i) => lines[i % lines.length]!);
}
