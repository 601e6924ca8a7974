import type { Sequence } from "@decorum/models";
import type { Tensor } from "@decorum/tensor";
import { splitRows } from "./token_rows.ts";

/** What the policy says of one response; each `[counted tokens]`. */
export interface TokenPredictions {
  readonly logprobs: Float32Array;
  /** Empty where the policy has no value head. */
  readonly values: Float32Array;
  /** Of the whole distribution, in nats; empty where only a forward pass was made. */
  readonly entropy: Float32Array;
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
