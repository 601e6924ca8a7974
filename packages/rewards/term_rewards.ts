import type { Rewards, Score } from "@decorum/algorithms";
import { aggregate, type Aggregation, moments } from "./aggregate.ts";
import type { RewardCall } from "./source.ts";
import type { Terms } from "./terms.ts";

/** What a response is worth, and what each term says of it. */
export interface TermScore extends Score {
  /** By the terms' names; null where one does not apply. */
  readonly terms: Readonly<Record<string, number | null>>;
  /** Of the first classifier of which one label is scored: the probability of all others. */
  readonly otherProbability: number | undefined;
}

/**
 * Terms as the rewards of a training loop. Under `normalize_then_sum` each term is normalised over the responses to a
 * prompt, or over the batch where a prompt has one response.
 */
export function termRewards(
  terms: Terms,
  aggregation: Aggregation,
  call: RewardCall,
): Rewards<TermScore> {
  return {
    async score({ pairs, groups, responses }) {
      // Neighbours share a request, so the batch goes out group by group.
      const order = groups.flat();
      const batch = order.map((i) => pairs[i]!);
      const scored = await terms.score({
        prompts: batch.map(({ prompt }) => prompt.text),
        responses: batch.map(({ response }) => response),
        references: batch.map(({ prompt }) => prompt.reference ?? null),
        rows: batch.map(({ prompt }) => prompt.row ?? {}),
      }, call);
      const inOrder = <T>(values: readonly T[]): T[] => {
        const placed: T[] = [];
        values.forEach((value, at) => placed[order[at]!] = value);
        return placed;
      };
      const all = scored.terms.map((term) => ({ ...term, scores: inOrder(term.scores) }));
      const others = scored.otherProbability && inOrder(scored.otherProbability);
      const sums = aggregate(all, aggregation, responses > 1 ? responses : pairs.length);
      const results = sums.map((score, i) => ({
        score,
        terms: Object.fromEntries(all.map(({ name, scores }) => [name, scores[i]!])),
        otherProbability: others?.[i],
      }));
      return { results, version: await terms.version(call) };
    },
  };
}

/**
 * TRL's statistics of each term over a batch: `rewards/<name>/mean` and `rewards/<name>/std` (unbiased), nulls left out.
 * A term that applies to no response has neither.
 */
export function termStatistics(scored: readonly TermScore[]): Record<string, number> {
  const names = Object.keys(scored[0]?.terms ?? {});
  return Object.fromEntries(names.flatMap((name) => {
    const { mean, std } = moments(scored.map(({ terms }) => terms[name]!));
    return Number.isNaN(mean) ? [] : [[`rewards/${name}/mean`, mean], [`rewards/${name}/std`, std]];
  }));
}
