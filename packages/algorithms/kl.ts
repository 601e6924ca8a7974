import { mapMasked, tokenShape, type TokenTensor } from "./masks.ts";

/** Estimates of the KL divergence from one sampled token. */
export type SampledKlKind = "kl" | "abs" | "mse" | "k3";

/** How the KL divergence of policy and reference is taken per token. */
export type KlKind = SampledKlKind | "full";

/**
 * What the KL of each token is taken from; all `[batch, time]`. The kind "full" sums over the vocabulary,
 * so the graph computes it, and the values are handed in.
 */
export type KlInputs =
  | {
    readonly kind: SampledKlKind;
    readonly logprobs: TokenTensor;
    readonly refLogprobs: TokenTensor;
    readonly mask: TokenTensor;
  }
  | { readonly kind: "full"; readonly fullKl: TokenTensor; readonly mask: TokenTensor };

/** KL of one token from `d = logprob - refLogprob`, in nats. k3 is Schulman's "Approximating KL Divergence". */
const estimate: Readonly<Record<SampledKlKind, (d: number) => number>> = {
  kl: (d) => d,
  abs: (d) => Math.abs(d),
  mse: (d) => 0.5 * d * d,
  // exp(-d) + d - 1 >= 0; expm1 keeps the digits that cancel near d = 0, max the sign.
  k3: (d) => Math.max(0, Math.expm1(-d) + d),
};

/**
 * KL of every token, `[batch, time]`, in nats, and 0 outside the mask.
 *
 * @throws InputError when shapes differ
 */
export function tokenKl(inputs: KlInputs): TokenTensor {
  if (inputs.kind === "full") {
    const { fullKl, mask } = inputs;
    tokenShape({ mask, fullKl });
    return mapMasked(mask, (i) => fullKl.data[i]!);
  }
  const { kind, logprobs, refLogprobs, mask } = inputs;
  tokenShape({ mask, logprobs, refLogprobs });
  const kl = estimate[kind];
  return mapMasked(mask, (i) => kl(logprobs.data[i]! - refLogprobs.data[i]!));
}
