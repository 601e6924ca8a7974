import { InvariantError, type ScoredPair } from "@decorum/algorithms";
import type { rewardService, rewardV1, RpcClient } from "@decorum/rpc";
import { pool } from "@decorum/async";
import { persist, type Waiting } from "@decorum/fleet";

/** A client of the reward service. */
export type RewardClient = RpcClient<typeof rewardService>;

export interface ScoreSettings {
  /** "pair": query and response; "response": the response alone. */
  readonly input: "response" | "pair";
  /** Null: the service's default label. */
  readonly label: string | null;
}

/** What a response got from the classifier. */
export interface Scored {
  /** Raw logit of the label. */
  readonly score: number;
  /** Probability of all other labels: toxicity, where the label is the wanted one. */
  readonly otherProbability: number;
}

/** Requests that are on their way at once. */
const PARALLEL = 4;

/**
 * Raw logits of the label, one for each pair, group by group: a group is executed as sent, so that scores do
 * not depend on what else the service has to do.
 *
 * @returns results in the order of the groups, and the classifier's version
 * @throws InvariantError for an answer that is not one finite score for each item
 */
export async function scoreGroups(
  client: RewardClient,
  groups: readonly (readonly ScoredPair[])[],
  { input, label }: ScoreSettings,
  waiting: Waiting,
): Promise<{ readonly results: Scored[][]; readonly version: string }> {
  let modelVersion = "";
  const results = await pool(groups, PARALLEL, async (group) => {
    const items = group.map(({ query, response }, i) => ({
      id: `${i}`,
      response,
      ...(input === "pair" ? { query } : {}),
    }));
    const request = { items, label: label ?? "", truncate: true, asSent: true };
    const answer = await persist(
      "reward",
      client.address,
      waiting,
      () => client.score(request, { signal: waiting.cancel }),
    );
    modelVersion = answer.modelVersion;
    return scoredOf(answer, items.length, client.address);
  });
  return { results, version: modelVersion };
}

function scoredOf(
  { results, labels, label }: rewardV1.ScoreResponse__Output,
  count: number,
  address: string,
): Scored[] {
  const wanted = labels.indexOf(label);
  const bad = results.findIndex(({ id, score }, i) => id !== `${i}` || !Number.isFinite(score));
  if (results.length === count && bad < 0) {
    return results.map(({ score, probabilities }) => ({
      score,
      otherProbability: 1 - (probabilities[wanted] ?? NaN),
    }));
  }
  throw new InvariantError(
    `Reward ${address} answered ${count} items with ${results.length} results` +
      (bad < 0
        ? ""
        : `, of which number ${bad} ("${results[bad]!.id}") is ${results[bad]!.score}`) +
      ": expected one finite score for each, in order; look at the reward model",
  );
}
