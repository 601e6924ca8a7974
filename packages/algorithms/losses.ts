import { meanOverMask } from "./masked_moments.ts";
import { tokenShape, type TokenTensor } from "./masks.ts";

/** What the policy loss of a mini-batch is taken from; tensors `[batch, time]`. */
export interface PolicyLossInputs {
  /** Under the policy as it is now. */
  readonly logprobs: TokenTensor;
  /** Of the rollout. */
  readonly oldLogprobs: TokenTensor;
  readonly advantages: TokenTensor;
  readonly mask: TokenTensor;
  readonly cliprange: number;
  /** Limit on |logprob - oldLogprob| before `exp`, against overflow; default none. */
  readonly logRatioClamp?: number;
}

/** Clipped policy loss and what is watched beside it. */
export interface PolicyLoss {
  readonly loss: number;
  /** Share of tokens where the clipped loss is the larger. */
  readonly clipfrac: number;
  /** `0.5 mmean((new - old)^2)`, in nats. */
  readonly approxkl: number;
  /** `mmean(old - new)`, in nats. */
  readonly policykl: number;
  /** Mean of `exp(new - old)`. */
  readonly ratio: number;
}

/** The ratio of new to old probability of a token, from the difference of log-probabilities. */
export function probabilityRatio(logRatio: number, clamp = Infinity): number {
  return Math.exp(Math.min(clamp, Math.max(-clamp, logRatio)));
}

/**
 * Clipped surrogate loss (Schulman et al. 2017): `mmean(max(-A ratio, -A clip(ratio, 1 +- cliprange)))`.
 *
 * @throws InputError when shapes differ
 * @throws InputError when the mask has no token
 */
export function policyLoss(
  { logprobs, oldLogprobs, advantages, mask, cliprange, logRatioClamp }: PolicyLossInputs,
): PolicyLoss {
  tokenShape({ mask, logprobs, oldLogprobs, advantages });
  const logRatio = (i: number) => logprobs.data[i]! - oldLogprobs.data[i]!;
  const ratio = (i: number) => probabilityRatio(logRatio(i), logRatioClamp);
  const unclipped = (i: number) => -advantages.data[i]! * ratio(i);
  const clipped = (i: number) =>
    -advantages.data[i]! * Math.min(1 + cliprange, Math.max(1 - cliprange, ratio(i)));
  return {
    loss: meanOverMask(mask, (i) => Math.max(unclipped(i), clipped(i))),
    clipfrac: meanOverMask(mask, (i) => Number(clipped(i) > unclipped(i))),
    approxkl: meanOverMask(mask, (i) => 0.5 * logRatio(i) ** 2),
    policykl: meanOverMask(mask, (i) => -logRatio(i)),
    ratio: meanOverMask(mask, ratio),
  };
}

/** What the value loss of a mini-batch is taken from; tensors `[batch, time]`. */
export interface ValueLossInputs {
  /** Under the value head as it is now. */
  readonly values: TokenTensor;
  /** Of the rollout. */
  readonly oldValues: TokenTensor;
  readonly returns: TokenTensor;
  readonly mask: TokenTensor;
  readonly cliprangeValue: number;
}

/** Clipped value loss, not scaled by `vfCoef`, and what is watched beside it. */
export interface ValueLoss {
  readonly loss: number;
  /** Share of tokens where the clipped loss is the larger. */
  readonly clipfrac: number;
  /** Mean squared error without clipping. */
  readonly error: number;
  /** Mean of the new values. */
  readonly vpred: number;
}

/**
 * Clipped value loss, as TRL's: `0.5 mmean(max((V - R)^2, (clip(V, Vold +- cliprangeValue) - R)^2))`.
 *
 * @throws InputError when shapes differ
 * @throws InputError when the mask has no token
 */
export function valueLoss(
  { values, oldValues, returns, mask, cliprangeValue }: ValueLossInputs,
): ValueLoss {
  tokenShape({ mask, values, oldValues, returns });
  const unclipped = (i: number) => (values.data[i]! - returns.data[i]!) ** 2;
  const clipped = (i: number) => {
    const old = oldValues.data[i]!;
    const v = Math.min(old + cliprangeValue, Math.max(old - cliprangeValue, values.data[i]!));
    return (v - returns.data[i]!) ** 2;
  };
  return {
    loss: 0.5 * meanOverMask(mask, (i) => Math.max(unclipped(i), clipped(i))),
    clipfrac: meanOverMask(mask, (i) => Number(clipped(i) > unclipped(i))),
    error: meanOverMask(mask, unclipped),
    vpred: meanOverMask(mask, (i) => values.data[i]!),
  };
}

/** `policy + vfCoef value - entropyCoef entropy`: what the optimiser lowers. */
export function totalLoss(
  { policy, value, entropy, vfCoef, entropyCoef = 0 }: {
    readonly policy: number;
    readonly value: number;
    readonly entropy: number;
    readonly vfCoef: number;
    /** Weight of the entropy bonus; default 0. */
    readonly entropyCoef?: number;
  },
): number {
  return policy + vfCoef * value - entropyCoef * entropy;
}
