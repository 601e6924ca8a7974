import { InputError } from "@decorum/tensor";

/** How scores of several terms become one, under TRL's names (`GRPOConfig.multi_objective_aggregation`). */
export type Aggregation = "sum_then_normalize" | "normalize_then_sum";

/** Added to a deviation before it divides, as TRL has it. */
export const NORMALIZE_EPS = 1e-4;

/** A score of each response; null where the term does not apply to it. */
export type TermScores = readonly (number | null)[];

/** The scores of one term, and what they count. */
export interface WeightedScores {
  readonly weight: number;
  readonly scores: TermScores;
}

/**
 * One score for each response from those of several terms.
 *
 * - `sum_then_normalize`: the weighted sum; what follows (advantages) normalises it.
 * - `normalize_then_sum` (GDPO, Liu et al. 2026): each term is centred and divided by its deviation within its group
 *   before it is weighted, so that a term with large numbers does not drown the others.
 *
 * Nulls are left out of sums, means and deviations; a response to which no term applies has 0. A term that is constant
 * in a group adds 0 there under `normalize_then_sum`. One term of weight 1 is itself, bit for bit, when summed.
 *
 * @param groupSize responses that follow each other and are normalised together: those to one prompt, or the batch
 * @throws InputError for lists of other lengths, a number that is not finite, or a batch that is not whole groups
 */
export function aggregate(
  terms: readonly WeightedScores[],
  aggregation: Aggregation,
  groupSize: number,
): number[] {
  const count = terms[0]?.scores.length ?? 0;
  check(terms, count, groupSize);
  const sums = Array<number>(count).fill(0);
  for (const { weight, scores } of terms) {
    const used = aggregation === "sum_then_normalize" ? scores : normalize(scores, groupSize);
    used.forEach((score, i) => {
      if (score !== null) sums[i]! += weight * score;
    });
  }
  return sums;
}

/** Scores less their group's mean, over its deviation (unbiased) plus {@link NORMALIZE_EPS}. */
export function normalize(scores: TermScores, groupSize: number): (number | null)[] {
  const result: (number | null)[] = [];
  for (let from = 0; from < scores.length; from += groupSize) {
    const group = scores.slice(from, from + groupSize);
    const { mean, std } = moments(group);
    for (const score of group) {
      // A constant group adds 0, whatever rounding left of its deviation.
      if (score === null) result.push(null);
      else result.push(score === mean ? 0 : (score - mean) / (std + NORMALIZE_EPS));
    }
  }
  return result;
}

/** Mean and unbiased standard deviation of what is not null; NaN and 0 where nothing is. */
export function moments(scores: TermScores): { readonly mean: number; readonly std: number } {
  const known = scores.filter((score) => score !== null);
  if (known.length === 0) return { mean: NaN, std: 0 };
  const [first] = known;
  if (known.every((score) => score === first)) return { mean: first!, std: 0 };
  const mean = known.reduce((sum, score) => sum + score, 0) / known.length;
  const squares = known.reduce((sum, score) => sum + (score - mean) ** 2, 0);
  return { mean, std: Math.sqrt(squares / (known.length - 1)) };
}

function check(terms: readonly WeightedScores[], count: number, groupSize: number): void {
  if (groupSize < 1 || count % groupSize !== 0) {
    throw new InputError(
      `Cannot aggregate ${count} scores in groups of ${groupSize}: expected whole groups`,
    );
  }
  terms.forEach(({ scores }, t) => {
    if (scores.length !== count) {
      throw new InputError(
        `Cannot aggregate rewards: term ${t} has ${scores.length} scores, expected ${count}`,
      );
    }
    const bad = scores.findIndex((score) => score !== null && !Number.isFinite(score));
    if (bad >= 0) {
      throw new InputError(
        `Cannot aggregate rewards: term ${t} gave ${scores[bad]} for response ${bad}; ` +
          "expected a finite number, or null",
      );
    }
  });
}
