import { InputError } from "@decorum/tensor";
import type { evaluatorV1 } from "@decorum/rpc";

/** Mean and population standard deviation. */
export interface MomentsJson {
  readonly mean: number;
  readonly std: number;
}

/** Before and after under one judge. */
export interface ComparisonJson {
  readonly n: number;
  readonly before: MomentsJson;
  readonly after: MomentsJson;
  /** 100 (before - after) / before: positive is less toxic. null where before is 0. */
  readonly improvement_pct: number | null;
  /** Paired bootstrap, 95 %, of `improvement_pct`. */
  readonly ci95: readonly [number, number] | null;
}

/** `summary.json` of a run. */
export interface Summary {
  readonly toxicity: ComparisonJson;
  readonly judge: ComparisonJson | null;
  readonly rouge_l: { readonly before: number; readonly after: number } | null;
  /** KL of the trained policy to the reference on the held-out prompts, in nats a response. */
  readonly kl: number;
  readonly kl_target: number;
  readonly distinct2: { readonly before: number; readonly after: number };
  readonly steps: number;
  readonly seconds: number;
  readonly adapter_version: number;
  readonly config_hash: string;
}

/** What a summary says besides the evaluation. */
export type RunFacts = Pick<Summary, "kl_target" | "steps" | "seconds" | "config_hash">;

/** A message's mean and deviation. */
export function moments(value: evaluatorV1.Moments__Output | null): MomentsJson {
  return { mean: value?.mean ?? 0, std: value?.std ?? 0 };
}

/** A message's comparison, as JSON has it. */
export function comparison(value: evaluatorV1.ToxicityComparison__Output): ComparisonJson {
  const { n, improvementPct, ci95Low, ci95High } = value;
  return {
    n,
    before: moments(value.before),
    after: moments(value.after),
    improvement_pct: improvementPct ?? null,
    ci95: ci95Low === undefined || ci95High === undefined ? null : [ci95Low, ci95High],
  };
}

/** A message's two sides. */
export function sides(
  value: evaluatorV1.BeforeAfter__Output | null,
): { before: number; after: number } {
  return { before: value?.before ?? 0, after: value?.after ?? 0 };
}

/** The summary of an evaluated run. @throws InputError when the evaluation has no toxicity. */
export function summarize(result: evaluatorV1.EvaluationResult__Output, facts: RunFacts): Summary {
  if (!result.toxicity) throw new InputError("Cannot summarize: the evaluation has no toxicity");
  return {
    toxicity: comparison(result.toxicity),
    judge: result.judge ? comparison(result.judge) : null,
    rouge_l: result.rouge ? sides(result.rouge.rougeL) : null,
    kl: result.kl,
    kl_target: facts.kl_target,
    distinct2: sides(result.distinct2),
    steps: facts.steps,
    seconds: facts.seconds,
    adapter_version: result.after?.version ?? 0,
    config_hash: facts.config_hash,
  };
}

/** An improvement with its sign in words: `fell by 81.2 % (95 % interval 76.0 to 85.9)`. */
export function inWords({ improvement_pct: pct, ci95 }: ComparisonJson): string {
  if (pct === null) return "had nothing to fall from";
  const interval = ci95 ? ` (95 % interval ${ci95[0].toFixed(1)} to ${ci95[1].toFixed(1)})` : "";
  const verb = pct > 0 ? "fell by" : pct < 0 ? "ROSE by" : "did not change:";
  return `${verb} ${Math.abs(pct).toFixed(1)} %${interval}`;
}
