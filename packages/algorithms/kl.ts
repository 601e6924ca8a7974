import { checkTokens } from "./tokens.ts";

/** Estimates of the KL divergence from one sampled token. */
export type SampledKlKind = "kl" | "abs" | "mse" | "k3";

/** How the KL divergence of policy and reference is taken per token; "full" sums over the vocabulary: see `FullKl`. */
export type KlKind = SampledKlKind | "full";

/** KL of one token from `d = logprob - refLogprob`, in nats. k3 is Schulman's "Approximating KL Divergence". */
const estimate: Readonly<Record<SampledKlKind, (d: number) => number>> = {
  kl: (d) => d,
  abs: (d) => Math.abs(d),
  mse: (d) => 0.5 * d * d,
  // exp(-d) + d - 1 >= 0; expm1 keeps the digits that cancel near d = 0, max the sign.
  k3: (d) => Math.max(0, Math.expm1(-d) + d),
};

/**
 * KL of every token, in nats.
 *
 * @param logprobs `[tokens]` @param refLogprobs `[tokens]` @returns `[tokens]`
 * @throws InputError when their lengths differ
 */
export function tokenKl(
  kind: SampledKlKind,
  logprobs: Float32Array,
  refLogprobs: Float32Array,
): Float32Array {
  checkTokens({ refLogprobs }, logprobs.length);
  const kl = estimate[kind];
  return logprobs.map((logprob, i) => kl(logprob - refLogprobs[i]!));
}
