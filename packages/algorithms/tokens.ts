import { InputError } from "@decorum/tensor";

/**
 * Where the tokens of each sequence lie in values `[tokens]`, which hold one number for each token that counts, sequence
 * after sequence: those of sequence `i` from `offsets[i]` up to `offsets[i + 1]`.
 */
export type Offsets = readonly number[];

/** @param lengths tokens that count of each sequence */
export function offsetsOf(lengths: readonly number[]): Offsets {
  const offsets = [0];
  for (const length of lengths) offsets.push(offsets.at(-1)! + length);
  return offsets;
}

/** The values of one sequence: a view, not a copy. */
export function partOf(values: Float32Array, offsets: Offsets, sequence: number): Float32Array {
  return values.subarray(offsets[sequence], offsets[sequence + 1]);
}

/** The values of all sequences, `[tokens]`. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const values = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return values;
}

/** Sum over the tokens of every sequence, `[sequences]`, in double. */
export function sumPerSequence(values: Float32Array, offsets: Offsets): number[] {
  return offsets.slice(1).map((_, i) =>
    partOf(values, offsets, i).reduce((sum, value) => sum + value, 0)
  );
}

/**
 * Checks that each of `values` has as many numbers as there are tokens.
 *
 * @throws InputError naming the first that has not
 */
export function checkTokens(values: Readonly<Record<string, Float32Array>>, tokens: number): void {
  for (const [name, { length }] of Object.entries(values)) {
    if (length === tokens) continue;
    throw new InputError(
      `"${name}" has ${length} numbers: expected ${tokens}, one for each token that counts`,
    );
  }
}
