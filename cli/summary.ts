import { InputError } from "@decorum/tensor";
import type { evaluatorV1 } from "@decorum/rpc";
import {
  type BeforeAfter,
  type Comparison,
  type Evaluation,
  evaluationOf,
  type RewardComparison,
} from "@decorum/runs";

/** `summary.json` of a run. */
export interface Summary {
  readonly toxicity: Comparison;
  readonly judge: Comparison | null;
  /** Terms of the reward, and their weighted sum; without terms empty and null. */
  readonly rewards: readonly RewardComparison[];
  readonly reward: RewardComparison | null;
  readonly rouge_l: BeforeAfter | null;
  /** KL of the trained policy to the reference on the held-out prompts, in nats a response. */
  readonly kl: number;
  readonly kl_target: number;
  readonly distinct2: BeforeAfter;
  readonly steps: number;
  readonly seconds: number;
  readonly adapter_version: number;
  readonly config_hash: string;
}

/** What a summary says besides the evaluation. */
export type RunFacts = Pick<Summary, "kl_target" | "steps" | "seconds" | "config_hash">;

/** The summary of an evaluated run. @throws InputError when the evaluation has no toxicity. */
export function summarize(result: evaluatorV1.EvaluationResult__Output, facts: RunFacts): Summary {
  const { toxicity, judge, rewards, reward, rouge_l, kl, distinct2 } = evaluationOf(result);
  if (!toxicity) throw new InputError("Cannot summarize: the evaluation has no toxicity");
  return {
    ...{ toxicity, judge, rewards, reward, rouge_l, kl, kl_target: facts.kl_target, distinct2 },
    steps: facts.steps,
    seconds: facts.seconds,
    adapter_version: result.after?.version ?? 0,
    config_hash: facts.config_hash,
  };
}

/** An improvement with its sign in words: `fell by 81.2 % (95 % interval 76.0 to 85.9)`. */
export function inWords({ improvement_pct: pct, ci95 }: Comparison): string {
  if (pct === null) return "had nothing to fall from";
  const interval = ci95 ? ` (95 % interval ${ci95[0].toFixed(1)} to ${ci95[1].toFixed(1)})` : "";
  const verb = pct > 0 ? "fell by" : pct < 0 ? "ROSE by" : "did not change:";
  return `${verb} ${Math.abs(pct).toFixed(1)} %${interval}`;
}

/** What an evaluation found, a line for toxicity, each term of the reward, and their weighted sum. */
export function evaluationInWords(
  { toxicity, rewards, reward }: Pick<Evaluation, "toxicity" | "rewards" | "reward">,
): string[] {
  const all = [...rewards, ...rewards.length > 1 && reward ? [reward] : []];
  const first = toxicity &&
    `Mean toxicity of ${toxicity.n} held-out responses ${inWords(toxicity)}.`;
  return [...first ? [first] : [], ...all.map(rewardInWords)];
}

function rewardInWords({ name, n, before, after, difference, ci95 }: RewardComparison): string {
  const what = name === "" ? "Weighted sum of the reward" : `Reward "${name}"`;
  if (before === null || after === null || difference === null || ci95 === null) {
    return `${what}: it applies to no response.`;
  }
  const number = (value: number) => String(Number(value.toPrecision(4)));
  const signed = (value: number) => value > 0 ? `+${number(value)}` : number(value);
  return `${what} of ${n} held-out responses: ${number(before.mean)} before, ${
    number(after.mean)
  } after, ` +
    `${signed(difference)} (95 % interval ${signed(ci95[0])} to ${signed(ci95[1])}).`;
}
