import { type Gae, gae } from "./gae.ts";
import { mapMasked, type TokenTensor } from "./masks.ts";
import { whiten } from "./whiten.ts";

/** What advantages are computed from; tensors `[batch, time]`, of one whole batch. */
export interface AdvantageInputs {
  readonly rewards: TokenTensor;
  /** Values of the rollout, before any update. */
  readonly values: TokenTensor;
  readonly mask: TokenTensor;
  /** Discount per token; 1 is usual. */
  readonly gamma: number;
  /** Decay of GAE; 0.95 is usual. */
  readonly lam: number;
  /** Scale rewards by their deviation over the batch first; default false. */
  readonly whitenRewards?: boolean;
}

/**
 * Advantages, whitened over the whole batch, and returns of every token, both 0 outside the mask.
 * Call it before the batch is cut into mini-batches.
 *
 * @throws InputError when shapes differ
 * @throws InputError when the batch has fewer than 2 tokens, or a coefficient is out of range
 */
export function computeAdvantages(inputs: AdvantageInputs): Gae {
  const { mask } = inputs;
  const { advantages, returns } = unmaskedAdvantages(inputs);
  return {
    advantages: mapMasked(mask, (i) => advantages.data[i]!),
    returns: mapMasked(mask, (i) => returns.data[i]!),
  };
}

/** As {@link computeAdvantages}, but not masked again at the end: TRL 0.11's order of operations. */
export function unmaskedAdvantages(
  { rewards, values, mask, gamma, lam, whitenRewards = false }: AdvantageInputs,
): Gae {
  const r = whitenRewards ? whiten(rewards, mask, { shiftMean: false }) : rewards;
  const { advantages, returns } = gae({ rewards: r, values, mask, gamma, lam });
  return { advantages: whiten(advantages, mask), returns };
}
