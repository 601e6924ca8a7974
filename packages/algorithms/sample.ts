import { countedTokens, type LearnerSample } from "@decorum/learning";
import type { Sequence } from "@decorum/models";
import { InputError } from "@decorum/tensor";

/** One response to learn from; every array `[counted tokens]`, in the response's order. */
export interface PpoSample extends LearnerSample {
  readonly oldValues: Float32Array;
  readonly advantages: Float32Array;
  readonly returns: Float32Array;
}

/** @throws InputError when one of `fields` does not have one number for each token that counts. */
export function checkSample<Field extends string>(
  sample: { readonly sequence: Sequence } & Readonly<Record<Field, Float32Array>>,
  index: number,
  fields: readonly Field[],
): void {
  const expected = countedTokens(sample.sequence);
  for (const field of fields) {
    const found = sample[field].length;
    if (found === expected) continue;
    throw new InputError(
      `Cannot learn from sample ${index}: ${field} has ${found} numbers; expected ${expected}, one for each token that counts`,
    );
  }
}
