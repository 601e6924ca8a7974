import { InputError } from "@decorum/tensor";
import { porterStem } from "./porter.ts";

/** Precision, recall and their harmonic mean, each 0 to 1. */
interface RougeScore {
  readonly precision: number;
  readonly recall: number;
  readonly fmeasure: number;
}

/** ROUGE-1 and ROUGE-2 (overlap of n-grams), ROUGE-L (longest common subsequence). */
export interface RougeScores {
  readonly rouge1: RougeScore;
  readonly rouge2: RougeScore;
  readonly rougeL: RougeScore;
}

/** Options of {@link rouge}. */
interface RougeOptions {
  /** Compares the Porter stems of words longer than three letters; false by default. */
  readonly useStemmer?: boolean;
}

/**
 * ROUGE of a prediction against a reference (Lin, "ROUGE: a package for automatic evaluation of
 * summaries", 2004), with the numbers of the Python package `rouge-score` 0.1.2. With several
 * references, each kind is scored against the one that gives it the highest f-measure, the first
 * of equals, as `score_multi` does.
 *
 * @throws InputError when there is no reference.
 */
export function rouge(
  prediction: string,
  references: string | readonly string[],
  options: RougeOptions = {},
): RougeScores {
  const useStemmer = options.useStemmer ?? false;
  const predicted = rougeTokens(prediction, useStemmer);
  const [first, ...more] = (typeof references === "string" ? [references] : references)
    .map((reference) => scorePair(predicted, rougeTokens(reference, useStemmer)));
  if (first === undefined) {
    throw new InputError("Cannot score a prediction by ROUGE: expected at least one reference");
  }
  const better = (a: RougeScore, b: RougeScore) => (b.fmeasure > a.fmeasure ? b : a);
  return more.reduce((best, other) => ({
    rouge1: better(best.rouge1, other.rouge1),
    rouge2: better(best.rouge2, other.rouge2),
    rougeL: better(best.rougeL, other.rougeL),
  }), first);
}

/** The words that ROUGE compares: lower case, split at everything but ASCII letters and digits. */
export function rougeTokens(text: string, useStemmer = false): string[] {
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return useStemmer ? words.map((word) => (word.length > 3 ? porterStem(word) : word)) : [...words];
}

/** How often each n-gram occurs; its words are joined by a space. */
function countNgrams(words: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= words.length; i++) {
    const ngram = words.slice(i, i + n).join(" ");
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  }
  return counts;
}

function scorePair(predicted: readonly string[], reference: readonly string[]): RougeScores {
  return {
    rouge1: scoreNgrams(predicted, reference, 1),
    rouge2: scoreNgrams(predicted, reference, 2),
    rougeL: score(commonSubsequence(predicted, reference), predicted.length, reference.length),
  };
}

function scoreNgrams(
  predicted: readonly string[],
  reference: readonly string[],
  n: number,
): RougeScore {
  const inPrediction = countNgrams(predicted, n);
  let common = 0;
  for (const [ngram, count] of countNgrams(reference, n)) {
    common += Math.min(count, inPrediction.get(ngram) ?? 0);
  }
  return score(common, predicted.length - n + 1, reference.length - n + 1);
}

function score(common: number, inPrediction: number, inReference: number): RougeScore {
  const precision = common / Math.max(inPrediction, 1);
  const recall = common / Math.max(inReference, 1);
  const sum = precision + recall;
  return { precision, recall, fmeasure: sum > 0 ? (2 * precision * recall) / sum : 0 };
}

/** Length of the longest common subsequence, by dynamic programming over one row. */
function commonSubsequence(a: readonly string[], b: readonly string[]): number {
  const row = new Uint32Array(b.length + 1);
  for (const word of a) {
    let diagonal = 0;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j] ?? 0;
      row[j] = word === b[j - 1] ? diagonal + 1 : Math.max(above, row[j - 1] ?? 0);
      diagonal = above;
    }
  }
  return row[b.length] ?? 0;
}

/**
 * Distinct-n: how many different n-grams the texts have, divided by how many they have in all (Li et
 * al., "A diversity-promoting objective function for neural conversation models", 2016). Near 1 for
 * varied texts, near 0 for a policy that repeats itself; 0 where no text has n words. Words are
 * ROUGE's without stemming; n-grams do not cross from one text to the next.
 *
 * @throws InputError when `n` is not a positive integer.
 */
export function distinctN(texts: Iterable<string>, n: number): number {
  if (!Number.isSafeInteger(n) || n < 1) {
    throw new InputError(`Cannot count distinct ${n}-grams: expected a positive integer`);
  }
  const different = new Set<string>();
  let total = 0;
  for (const text of texts) {
    for (const [ngram, count] of countNgrams(rougeTokens(text), n)) {
      different.add(ngram);
      total += count;
    }
  }
  return total === 0 ? 0 : different.size / total;
}
