import type { Sequence } from "@decorum/models";
import { InputError, type Tensor } from "@decorum/tensor";
import type { LearnerSample } from "./objective.ts";
import { countedTokens, splitRows } from "./token_rows.ts";

/** What the policy says of one response; each `[counted tokens]`. */
export interface TokenPredictions {
  readonly logprobs: Float32Array;
  /** Empty where the policy has no value head. */
  readonly values: Float32Array;
  /** Of the whole distribution, in nats; empty where only a forward pass was made. */
  readonly entropy: Float32Array;
}

/** One response to learn from; every array `[counted tokens]`, in the response's order. */
export interface PpoSample extends LearnerSample {
  readonly oldValues: Float32Array;
  readonly advantages: Float32Array;
  readonly returns: Float32Array;
}

/** Nothing predicted yet. */
export function emptyPredictions(sequences: readonly Sequence[]): TokenPredictions[] {
  const none = () => new Float32Array();
  return sequences.map(() => ({ logprobs: none(), values: none(), entropy: none() }));
}

/** Puts the outputs of one micro-batch where its sequences belong. */
export function place(
  found: TokenPredictions[],
  micro: readonly number[],
  outputs: Readonly<Record<string, Tensor>>,
  lengths: readonly number[],
): void {
  const rows = (name: string) => {
    const values = outputs[name];
    return values ? splitRows(values, lengths) : lengths.map(() => new Float32Array());
  };
  const [logprobs, values, entropy] = [rows("logprobs"), rows("values"), rows("entropy")];
  micro.forEach((index, i) => {
    found[index] = { logprobs: logprobs[i]!, values: values[i]!, entropy: entropy[i]! };
  });
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
