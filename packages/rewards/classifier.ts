import { pool } from "@decorum/async";
import type { rewardService, rewardV1, RpcClient } from "@decorum/rpc";
import { evaluateExpression, type LabelExpression, parseExpression } from "./expression.ts";
import type { ClassifierTermConfig } from "./settings.ts";
import { type RewardBatch, type RewardCall, RewardError, type RewardSource } from "./source.ts";

/** What is asked of a reward service. */
export type RewardClient = Pick<RpcClient<typeof rewardService>, "address" | "score" | "getInfo">;

export interface ClassifierOptions {
  readonly client: RewardClient;
  /**
   * Responses of a request, which neighbours in the batch share. Requests are executed as sent, so that scores do not
   * depend on what else the service has to do.
   */
  readonly groupSize: number;
}

/** Requests that are on their way at once. */
const CONCURRENCY = 4;

/** The value of a label, or of a linear expression of labels, that a reward service's classifier gives. */
export function classifierSource(
  term: ClassifierTermConfig,
  { client, groupSize }: ClassifierOptions,
): RewardSource {
  const expression = term.expression === null ? undefined : parseExpression(term.expression);
  // A service without a default label wants one named, whichever is read.
  const [anyLabel] = expression?.coefficients.keys() ?? [];
  const label = term.label ?? anyLabel ?? "";
  let seen: string | undefined;
  const ask = async (batch: RewardBatch, from: number, call: RewardCall) => {
    const responses = batch.responses.slice(from, from + groupSize);
    const items = responses.map((response, i) => ({
      id: `${i}`,
      response,
      ...(term.input === "pair" ? { query: batch.prompts[from + i]! } : {}),
    }));
    const request = { items, label, truncate: true, asSent: true };
    const answer = await call.persist(
      client.address,
      () => {
        call.signal.throwIfAborted();
        return client.score(request, { signal: call.signal });
      },
    );
    seen = answer.modelVersion;
    return answer.results.length === items.length
      ? answer.results.map((result, i) => scored(term, expression, answer, result, from + i))
      : wrong(
        term.name,
        undefined,
        `answered ${items.length} responses with ${answer.results.length}`,
      );
  };
  const info = (call: RewardCall) =>
    call.persist(client.address, () => client.getInfo({}, { signal: call.signal }));
  return {
    async score(batch, call) {
      const starts: number[] = [];
      for (let at = 0; at < batch.responses.length; at += groupSize) starts.push(at);
      const found = (await pool(starts, CONCURRENCY, (at) => ask(batch, at, call))).flat();
      const others = found.map(({ otherProbability }) => otherProbability);
      return {
        scores: found.map(({ score }) => score),
        ...(others.every((p) => p !== undefined) ? { otherProbability: others } : {}),
      };
    },
    async check(call) {
      const { labels, defaultLabel } = await info(call);
      const wanted = expression
        ? [...expression.coefficients.keys()]
        : [term.label ?? defaultLabel];
      const missing = wanted.find((label) => !labels.includes(label));
      if (missing === undefined) return;
      const names = labels.map((label) => `"${label}"`).join(", ");
      const found = JSON.stringify(missing);
      wrong(term.name, undefined, `${client.address} has no label ${found}; it has ${names}`);
    },
    async version(call) {
      seen ??= (await info(call)).modelVersion;
      return seen;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function scored(
  term: ClassifierTermConfig,
  expression: LabelExpression | undefined,
  { labels, label }: rewardV1.ScoreResponse__Output,
  { score, logits, probabilities }: rewardV1.ItemScore__Output,
  row: number,
): { readonly score: number; readonly otherProbability: number | undefined } {
  const probability = probabilities[labels.indexOf(label)];
  const plain = term.activation === "logit" ? score : probability ?? NaN;
  const values = term.activation === "logit" ? logits : probabilities;
  const byLabel = () => new Map(labels.map((name, i) => [name, values[i] ?? NaN]));
  const value = expression === undefined ? plain : inTerm(
    term.name,
    () => evaluateExpression(expression, byLabel()),
  );
  if (!Number.isFinite(value)) {
    wrong(term.name, row, `got ${value}, expected a finite score; look at the classifier`);
  }
  // Toxicity, where the one label that is scored is the wanted one.
  const otherProbability = expression === undefined && probability !== undefined
    ? 1 - probability
    : undefined;
  return { score: value, otherProbability };
}

/** Adds the term's name to the error of an expression that does not fit the classifier. */
function inTerm<T>(term: string, evaluate: () => T): T {
  try {
    return evaluate();
  } catch (cause) {
    throw new RewardError(term, undefined, (cause as Error).message, { cause });
  }
}

function wrong(term: string, row: number | undefined, problem: string): never {
  throw new RewardError(term, row, problem);
}
