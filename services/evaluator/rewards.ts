import { aggregate, type RewardCall, type Terms } from "@decorum/rewards";
import type { EvaluationPrompt } from "./evaluation_request.ts";
import { type Bootstrap, compareRewards, type RewardComparison } from "./statistics.ts";

/** Scores of one term on both sides, in the order of the prompts; null where it does not apply. */
interface TermSides {
  readonly name: string;
  readonly weight: number;
  readonly before: readonly (number | null)[];
  readonly after: readonly (number | null)[];
}

/** A term, or the weighted sum of all, whose name is empty and whose weight is 1. */
export type NamedComparison = RewardComparison & Pick<TermSides, "name" | "weight">;

/** What the terms of a reward say of both sides. */
export interface MeasuredRewards {
  readonly terms: readonly NamedComparison[];
  readonly sum: NamedComparison;
  /** By name, of the responses to one prompt; terms that do not apply are left out. */
  of(prompt: number, side: "before" | "after"): Record<string, number>;
}

/**
 * Scores the responses of both sides. Each side is a batch of its own, so that the same responses get the same scores,
 * to the last bit.
 *
 * @param onDone called with the number of responses that are done
 * @throws RewardError naming term and response
 */
export async function measureRewards(
  terms: Terms,
  prompts: readonly EvaluationPrompt[],
  sides: { readonly before: readonly string[]; readonly after: readonly string[] },
  { call, bootstrap, onDone }: {
    readonly call: RewardCall;
    readonly bootstrap: Bootstrap;
    readonly onDone: (done: number) => void;
  },
): Promise<MeasuredRewards> {
  const score = async (responses: readonly string[]) => {
    const { terms: scored } = await terms.score({
      prompts: prompts.map(({ prompt }) => prompt),
      responses,
      references: prompts.map(({ reference }) => reference ?? null),
      rows: prompts.map(({ row }) => row),
    }, call);
    return { terms: scored, sums: aggregate(scored, "sum_then_normalize", responses.length) };
  };
  const before = await score(sides.before);
  onDone(prompts.length);
  const after = await score(sides.after);
  onDone(2 * prompts.length);
  const all = before.terms.map(({ name, weight, scores }, t): TermSides => ({
    ...{ name, weight, before: scores, after: after.terms[t]!.scores },
  }));
  const named = ({ name, weight, before, after }: TermSides): NamedComparison => ({
    ...{ name, weight },
    ...compareRewards(before, after, bootstrap),
  });
  return {
    terms: all.map(named),
    sum: named({ name: "", weight: 1, before: before.sums, after: after.sums }),
    of: (prompt, side) =>
      Object.fromEntries(all.flatMap((term) => {
        const score = term[side][prompt] ?? null;
        return score === null ? [] : [[term.name, score]];
      })),
  };
}
