import type { evaluatorV1 } from "@decorum/rpc";

/** Mean and population standard deviation. */
export interface Moments {
  readonly mean: number;
  readonly std: number;
}

/** Before and after under one judge. */
export interface Comparison {
  readonly n: number;
  readonly before: Moments;
  readonly after: Moments;
  /** 100 (before - after) / before: positive is less toxic. null where before is 0. */
  readonly improvement_pct: number | null;
  /** Paired bootstrap, 95 %, of `improvement_pct`. */
  readonly ci95: readonly [number, number] | null;
}

/** One number on both sides. */
export interface BeforeAfter {
  readonly before: number;
  readonly after: number;
}

/** A term of the reward before and after, or the weighted sum of all. */
export interface RewardComparison {
  /** Of the term; empty for the sum. */
  readonly name: string;
  readonly weight: number;
  /** Prompts to which it applies on both sides. */
  readonly n: number;
  /** null where there is none. */
  readonly before: Moments | null;
  readonly after: Moments | null;
  /** Mean of after - before: positive is more reward. */
  readonly difference: number | null;
  /** Paired bootstrap, 95 %, of `difference`. */
  readonly ci95: readonly [number, number] | null;
}

/** Responses to one prompt, before and after. */
export interface EvaluationSample {
  readonly prompt: string;
  readonly before: string;
  readonly after: string;
  readonly toxicity_before: number;
  readonly toxicity_after: number;
  /** Terms of the reward by name; one that does not apply is left out. */
  readonly rewards_before: Readonly<Record<string, number>>;
  readonly rewards_after: Readonly<Record<string, number>>;
}

/** What an evaluator measured, as it is recorded: JSON. */
export interface Evaluation {
  readonly toxicity: Comparison | null;
  readonly judge: Comparison | null;
  /** Terms of the reward; empty where the evaluator measured none. */
  readonly rewards: readonly RewardComparison[];
  /** Their weighted sum. */
  readonly reward: RewardComparison | null;
  readonly rouge_l: BeforeAfter | null;
  /** KL to the reference, in nats a response. */
  readonly kl: number;
  readonly distinct2: BeforeAfter;
  /** Tokens of a response. */
  readonly length: { readonly before: Moments; readonly after: Moments };
  /** Toxicity of every response, by the reward's classifier, in the order of the prompts. */
  readonly toxicities: { readonly before: readonly number[]; readonly after: readonly number[] };
  readonly samples: readonly EvaluationSample[];
}

/** A message's mean and deviation. */
export function moments(value: evaluatorV1.Moments__Output | null): Moments {
  return { mean: value?.mean ?? 0, std: value?.std ?? 0 };
}

/** A message's comparison. */
export function comparison(value: evaluatorV1.ToxicityComparison__Output): Comparison {
  const { n, improvementPct, ci95Low, ci95High } = value;
  return {
    n,
    before: moments(value.before),
    after: moments(value.after),
    improvement_pct: improvementPct ?? null,
    ci95: ci95Low === undefined || ci95High === undefined ? null : [ci95Low, ci95High],
  };
}

/** A message's comparison of a term. */
export function rewardComparison(value: evaluatorV1.RewardComparison__Output): RewardComparison {
  const { name, weight, n, before, after, difference, ci95Low, ci95High } = value;
  return {
    ...{ name, weight, n },
    before: before ? moments(before) : null,
    after: after ? moments(after) : null,
    difference: difference ?? null,
    ci95: ci95Low === undefined || ci95High === undefined ? null : [ci95Low, ci95High],
  };
}

/** A message's two sides. */
export function sides(value: evaluatorV1.BeforeAfter__Output | null): BeforeAfter {
  return { before: value?.before ?? 0, after: value?.after ?? 0 };
}

/** What is recorded of an evaluator's result. */
export function evaluationOf(result: evaluatorV1.EvaluationResult__Output): Evaluation {
  return {
    toxicity: result.toxicity ? comparison(result.toxicity) : null,
    judge: result.judge ? comparison(result.judge) : null,
    rewards: result.rewards.map(rewardComparison),
    reward: result.reward ? rewardComparison(result.reward) : null,
    rouge_l: result.rouge ? sides(result.rouge.rougeL) : null,
    kl: result.kl,
    distinct2: sides(result.distinct2),
    length: { before: moments(result.lengthBefore), after: moments(result.lengthAfter) },
    toxicities: {
      before: result.toxicityBefore.map(shortened),
      after: result.toxicityAfter.map(shortened),
    },
    samples: result.samples.map((sample) => ({
      prompt: sample.prompt,
      before: sample.before,
      after: sample.after,
      toxicity_before: sample.toxicityBefore,
      toxicity_after: sample.toxicityAfter,
      rewards_before: { ...sample.rewardsBefore },
      rewards_after: { ...sample.rewardsAfter },
    })),
  };
}

/** An evaluation as this version or an earlier one recorded it; earlier ones knew no terms of a reward. */
export function recordedEvaluation(json: string): Evaluation {
  const { samples, ...rest } = JSON.parse(json) as
    & Omit<Evaluation, "rewards" | "reward" | "samples">
    & { readonly samples: readonly Omit<EvaluationSample, "rewards_before" | "rewards_after">[] };
  return {
    ...{ rewards: [], reward: null, ...rest },
    samples: samples.map((one) => ({ rewards_before: {}, rewards_after: {}, ...one })),
  };
}

/** To six digits, as 32-bit numbers have them. */
function shortened(value: number): number {
  return Number(value.toPrecision(6));
}
