import { InputError } from "@decorum/tensor";
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
