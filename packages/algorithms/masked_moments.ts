import { InputError } from "@decorum/tensor";
import { tokenCount, tokenShape, type TokenTensor } from "./masks.ts";

/**
 * Mean of `value(i)` over the tokens of the mask, in double: `mmean` of the formulas.
 *
 * @param value of the flat position `i`; called only where the mask is 1
 * @throws InputError when the mask has no token
 */
export function meanOverMask(mask: TokenTensor, value: (i: number) => number): number {
  const count = tokenCount(mask);
  if (count === 0) throw new InputError("Cannot take a mean over a mask of 0 tokens: expected one");
  let sum = 0;
  for (let i = 0; i < mask.data.length; i++) if (mask.data[i] === 1) sum += value(i);
  return sum / count;
}

/** Mean of `values` over the tokens of the mask, as TRL's `masked_mean`; errors as {@link meanOverMask}. */
export function maskedMean(values: TokenTensor, mask: TokenTensor): number {
  tokenShape({ mask, values });
  return meanOverMask(mask, (i) => values.data[i]!);
}

/**
 * Unbiased variance (N - 1) of `values` over the tokens of the mask, as TRL's `masked_var`.
 *
 * @throws InputError when the mask has fewer than 2 tokens
 */
export function maskedVar(values: TokenTensor, mask: TokenTensor): number {
  const count = tokenCount(mask);
  if (count < 2) {
    throw new InputError(
      `Cannot take an unbiased variance over ${count} token(s): expected at least 2; use a larger batch`,
    );
  }
  const mean = maskedMean(values, mask);
  return meanOverMask(mask, (i) => (values.data[i]! - mean) ** 2) * count / (count - 1);
}

/** Sum over the tokens of every sequence, `[batch]`, in double. */
export function sumPerSequence(values: TokenTensor, mask: TokenTensor): Float64Array {
  const { batch, time } = tokenShape({ mask, values });
  const sums = new Float64Array(batch);
  for (let i = 0; i < mask.data.length; i++) {
    if (mask.data[i] === 1) sums[Math.floor(i / time)]! += values.data[i]!;
  }
  return sums;
}

/** Mean over sequences of the sum over tokens; of the per-token KL it is `objective/kl`. */
export function meanOfSums(values: TokenTensor, mask: TokenTensor): number {
  return mean(sumPerSequence(values, mask));
}

/** Mean of plain numbers; InputError when there are none. */
export function mean(values: ArrayLike<number>): number {
  if (values.length === 0) throw new InputError("Cannot take a mean of 0 numbers: expected one");
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** Unbiased variance, as `torch.var`; 0 for a single number, where PyTorch says NaN. */
export function variance(values: ArrayLike<number>): number {
  const m = mean(values);
  if (values.length === 1) return 0;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - m) ** 2;
  return sum / (values.length - 1);
}

/** Square root of the {@link variance}. */
export function std(values: ArrayLike<number>): number {
  return Math.sqrt(variance(values));
}
