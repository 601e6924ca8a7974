import { InputError } from "@decorum/tensor";

/** Mean, in double; InputError when there are no numbers. */
export function mean(values: ArrayLike<number>): number {
  if (values.length === 0) throw new InputError("Cannot take a mean of 0 numbers: expected one");
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** Unbiased variance, as `torch.var`; 0 for a single number, where PyTorch says NaN. */
export function variance(values: ArrayLike<number>): number {
  const centre = mean(values);
  if (values.length === 1) return 0;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - centre) ** 2;
  return sum / (values.length - 1);
}

/** Square root of the {@link variance}. */
export function std(values: ArrayLike<number>): number {
  return Math.sqrt(variance(values));
}
