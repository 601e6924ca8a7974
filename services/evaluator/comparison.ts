import { bootstrapImprovement, improvementPct } from "./improvement.ts";
import { type Moments, moments } from "./moments.ts";

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

/** Compares paired values. Throws as `bootstrapImprovement`. */
export function compare(
  before: ArrayLike<number>,
  after: ArrayLike<number>,
  bootstrap: { readonly samples: number; readonly seed: number },
): Comparison {
  const [b, a] = [moments(before), moments(after)];
  const percent = improvementPct(b.mean, a.mean);
  const interval = bootstrapImprovement(before, after, bootstrap);
  return {
    n: before.length,
    before: b,
    after: a,
    ...(percent === undefined ? {} : { improvementPct: percent }),
    ...(interval === undefined ? {} : { ci95Low: interval.low, ci95High: interval.high }),
  };
}
