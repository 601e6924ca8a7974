import { InputError, randomKey, uniforms } from "@decorum/tensor";
import { rouge } from "@decorum/text";

/** Mean and spread of numbers. */
export interface Moments {
  readonly mean: number;
  /** Population standard deviation: the mean square is divided by n. */
  readonly std: number;
}

/**
 * Mean and population standard deviation, in two passes.
 *
 * @throws InputError for no values
 */
export function moments(values: ArrayLike<number>): Moments {
  const n = values.length;
  if (n === 0) throw new InputError("Cannot take the mean of 0 values: expected at least one");
  let sum = 0;
  for (let i = 0; i < n; i++) sum += values[i]!;
  const mean = sum / n;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (values[i]! - mean) ** 2;
  return { mean, std: Math.sqrt(squares / n) };
}

/** A confidence interval in the unit of its estimate. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * By how much a mean fell: `100 (before - after) / before`, positive where `after` is less.
 *
 * @returns percent; undefined where `before` is 0
 */
export function improvementPct(before: number, after: number): number | undefined {
  return before === 0 ? undefined : 100 * (before - after) / before;
}

/** The same with its sign in words, as "74.2 % less toxic". */
export function describeImprovement(percent: number | undefined): string {
  if (percent === undefined) return "not defined: toxicity before is 0";
  if (percent === 0) return "no change";
  return `${Math.abs(percent).toFixed(1)} % ${percent > 0 ? "less" : "more"} toxic`;
}

/** How intervals are drawn: the same numbers in, the same interval out. */
export interface Bootstrap {
  readonly samples: number;
  readonly seed: number;
}

/**
 * Percentile bootstrap 95 % interval of a statistic of both sides (Efron, Tibshirani, "An introduction to the
 * bootstrap", 1993, ch. 13). Pairs are drawn together, so what both sides share cancels out.
 *
 * @param before values of one side; `after` those of the other, of the same prompts in the same order
 * @param statistic of the sums of both sides, as {@link improvementPct}
 * @returns undefined where the statistic of a resample is
 * @throws InputError for sides of different lengths, no pairs, or no samples
 */
export function bootstrapInterval(
  before: ArrayLike<number>,
  after: ArrayLike<number>,
  { samples, seed }: Bootstrap,
  statistic: (sumBefore: number, sumAfter: number) => number | undefined,
): Interval | undefined {
  const n = before.length;
  if (n === 0 || after.length !== n || !(samples >= 1)) {
    throw new InputError(
      `Cannot resample ${n} values before and ${after.length} after ${samples} times: expected pairs`,
    );
  }
  const key = randomKey(seed, "bootstrap");
  const found = new Float64Array(samples);
  for (let s = 0; s < samples; s++) {
    const draws = uniforms(key, s * n, n);
    let sumBefore = 0;
    let sumAfter = 0;
    for (let i = 0; i < n; i++) {
      const pair = Math.floor(draws[i]! * n);
      sumBefore += before[pair]!;
      sumAfter += after[pair]!;
    }
    const value = statistic(sumBefore, sumAfter);
    if (value === undefined) return undefined;
    found[s] = value;
  }
  found.sort();
  return { low: quantile(found, 0.025), high: quantile(found, 0.975) };
}

/** Quantile of sorted values, linear between neighbours (numpy's default). */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const a = sorted[low]!;
  const b = sorted[Math.min(low + 1, sorted.length - 1)]!;
  return a + (at - low) * (b - a);
}

/** Toxicity of the same prompts' responses on both sides. */
export interface Comparison {
  /** Pairs. */
  readonly n: number;
  readonly before: Moments;
  readonly after: Moments;
  /** Percent; absent where `before` is 0. */
  readonly improvementPct?: number;
  /** Ends of its bootstrap 95 % interval; absent where it is not defined. */
  readonly ci95Low?: number;
  readonly ci95High?: number;
}

/** Compares paired values. Throws as {@link bootstrapInterval}. */
export function compare(
  before: ArrayLike<number>,
  after: ArrayLike<number>,
  bootstrap: Bootstrap,
): Comparison {
  const [b, a] = [moments(before), moments(after)];
  const percent = improvementPct(b.mean, a.mean);
  const interval = bootstrapInterval(before, after, bootstrap, improvementPct);
  return {
    n: before.length,
    before: b,
    after: a,
    ...(percent === undefined ? {} : { improvementPct: percent }),
    ...(interval === undefined ? {} : { ci95Low: interval.low, ci95High: interval.high }),
  };
}

/** A term of the reward, or the sum of all, of the same prompts' responses on both sides. */
export interface RewardComparison {
  /** Pairs to which it applies on both sides; the rest is absent where there is none. */
  readonly n: number;
  readonly before?: Moments;
  readonly after?: Moments;
  /** Mean of `after - before`: positive is more reward. A share of `before` would say nothing: rewards have any sign. */
  readonly difference?: number;
  /** Ends of its bootstrap 95 % interval. */
  readonly ci95Low?: number;
  readonly ci95High?: number;
}

/** Compares paired scores; a pair with a null is left out. Throws as {@link bootstrapInterval}. */
export function compareRewards(
  before: readonly (number | null)[],
  after: readonly (number | null)[],
  bootstrap: Bootstrap,
): RewardComparison {
  const pairs = before.flatMap((b, i) => {
    const a = after[i] ?? null;
    return b === null || a === null ? [] : [[b, a] as const];
  });
  const n = pairs.length;
  if (n === 0) return { n };
  const [b, a] = [pairs.map(([b]) => b), pairs.map(([, a]) => a)];
  const difference = (sumBefore: number, sumAfter: number) => (sumAfter - sumBefore) / n;
  const interval = bootstrapInterval(b, a, bootstrap, difference)!;
  const sum = (values: readonly number[]) => values.reduce((all, one) => all + one, 0);
  return {
    n,
    before: moments(b),
    after: moments(a),
    difference: difference(sum(b), sum(a)),
    ci95Low: interval.low,
    ci95High: interval.high,
  };
}

/** Means of ROUGE F-measures. */
export interface RougeMeans {
  readonly rouge1: number;
  readonly rouge2: number;
  readonly rougeL: number;
}

/**
 * Means of ROUGE-1, 2 and L (F-measure, no stemming: what the package `rouge-score` does by default) over the
 * responses that have a reference.
 *
 * @returns undefined where none has one
 */
export function rougeMeans(
  responses: readonly string[],
  references: readonly (string | undefined)[],
): RougeMeans | undefined {
  const scores = responses.flatMap((response, i) => {
    const reference = references[i];
    return reference === undefined ? [] : [rouge(response, reference)];
  });
  if (scores.length === 0) return undefined;
  const mean = (kind: keyof RougeMeans) =>
    scores.reduce((sum, score) => sum + score[kind].fmeasure, 0) / scores.length;
  return { rouge1: mean("rouge1"), rouge2: mean("rouge2"), rougeL: mean("rougeL") };
}

/** Log-probabilities of one sampled sequence, token by token, under two models. */
export interface SequenceLogprobs {
  readonly logprobs: ArrayLike<number>;
  readonly refLogprobs: ArrayLike<number>;
}

/**
 * KL divergence of a policy to its reference in nats a sequence, estimated on the policy's own samples: the mean of
 * `sum_t (log p(y_t) - log p_ref(y_t))` (Schulman, "Approximating KL divergence", 2020, estimator k1).
 *
 * @throws InputError for no sequences, or log-probabilities that are not parallel
 */
export function sequenceKl(sequences: readonly SequenceLogprobs[]): number {
  if (sequences.length === 0) {
    throw new InputError("Cannot estimate a KL divergence on 0 sequences: expected at least one");
  }
  let total = 0;
  for (const [i, { logprobs, refLogprobs }] of sequences.entries()) {
    if (logprobs.length !== refLogprobs.length) {
      throw new InputError(
        `Cannot estimate a KL divergence: sequence ${i} has ${logprobs.length} log-probabilities and ${refLogprobs.length} of the reference`,
      );
    }
    for (let t = 0; t < logprobs.length; t++) total += logprobs[t]! - refLogprobs[t]!;
  }
  return total / sequences.length;
}

/** `count` indices of 0 to `length - 1`, spread evenly, ascending; all where there are not more. */
export function spread(length: number, count: number): number[] {
  const n = Math.min(length, count);
  return Array.from({ length: n }, (_, i) => Math.floor(i * length / n));
}
