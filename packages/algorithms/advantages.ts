import { InputError } from "@decorum/tensor";
import { mean } from "./moments.ts";
import { checkTokens, type Offsets } from "./tokens.ts";

/** Advantages and returns of every token, `[tokens]`. */
export interface Gae {
  readonly advantages: Float32Array;
  /** Targets of the value head: advantages + values. */
  readonly returns: Float32Array;
}

/**
 * Generalised advantage estimation (Schulman et al. 2016), backwards from the last token of each sequence:
 * `delta = r[t] + gamma V[t+1] - V[t]`, `A[t] = delta + gamma lam A[t+1]`, `returns = A + V`; V is 0 beyond the end.
 *
 * @param rewards `[tokens]` @param values `[tokens]`
 * @throws InputError when lengths differ, or `gamma` or `lam` is not in [0, 1]
 */
export function gae(
  rewards: Float32Array,
  values: Float32Array,
  offsets: Offsets,
  { gamma, lam }: { readonly gamma: number; readonly lam: number },
): Gae {
  checkTokens({ rewards, values }, offsets.at(-1)!);
  for (const [field, x] of Object.entries({ gamma, lam })) {
    if (!(x >= 0 && x <= 1)) throw new InputError(`${field} is ${x}: expected a number in [0, 1]`);
  }
  const advantages = new Float32Array(rewards.length);
  const returns = new Float32Array(rewards.length);
  for (let sequence = 0; sequence + 1 < offsets.length; sequence++) {
    let nextAdvantage = 0;
    let nextValue = 0;
    for (let t = offsets[sequence + 1]! - 1; t >= offsets[sequence]!; t--) {
      const value = values[t]!;
      nextAdvantage = rewards[t]! + gamma * nextValue - value + gamma * lam * nextAdvantage;
      nextValue = value;
      advantages[t] = nextAdvantage;
      returns[t] = nextAdvantage + value;
    }
  }
  return { advantages, returns };
}

/** Added to the variance, as TRL does. */
const VARIANCE_EPSILON = 1e-8;

/**
 * `(x - mean) / sqrt(variance + 1e-8)` over all tokens, as TRL's `masked_whiten`; the variance is unbiased. Call it before
 * the batch is cut into mini-batches.
 *
 * @param values `[tokens]`
 * @param options.shiftMean false adds the mean back, which is how rewards are whitened; default true
 * @throws InputError for fewer than 2 tokens
 */
export function whiten(
  values: Float32Array,
  { shiftMean = true }: { readonly shiftMean?: boolean } = {},
): Float32Array {
  if (values.length < 2) {
    throw new InputError(
      `Cannot whiten ${values.length} token(s): expected at least 2; use a larger batch`,
    );
  }
  const centre = mean(values);
  const count = values.length;
  const squares = Float64Array.from(values, (x) => (x - centre) ** 2);
  const scale = 1 / Math.sqrt(mean(squares) * count / (count - 1) + VARIANCE_EPSILON);
  const back = shiftMean ? 0 : centre;
  return values.map((x) => (x - centre) * scale + back);
}
