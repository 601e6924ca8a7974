import { InputError } from "@decorum/tensor";
/** Lengths from `min` up to, but not including, `max`. */
export interface LengthRange {
  readonly min: number;
  readonly max: number;
}

/**
 * A length drawn evenly from the range, as TRL's `LengthSampler`.
 *
 * @param uniform a number in [0, 1), from the caller's generator
 * @throws InputError when the range is empty or not of whole numbers, or `uniform` is outside [0, 1)
 */
export function sampleLength({ min, max }: LengthRange, uniform: number): number {
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || min < 1 || max <= min) {
    throw new InputError(
      `Cannot sample a length from ${min} to ${max} (excluded): expected whole numbers, 1 <= min < max`,
    );
  }
  if (!(uniform >= 0 && uniform < 1)) {
    throw new InputError(`Cannot sample a length from uniform ${uniform}: expected it in [0, 1)`);
  }
  return min + Math.floor(uniform * (max - min));
}
