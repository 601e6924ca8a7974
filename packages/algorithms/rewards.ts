import type { Tensor } from "@decorum/tensor";
import { lastTokens, mapMasked, tokenShape, type TokenTensor } from "./masks.ts";
import { checkScores } from "./scores.ts";

/** Rewards of a batch; both `[batch, time]` and 0 outside the mask. */
export interface TokenRewards {
  /** KL penalty of every token, plus the score at the last. */
  readonly rewards: TokenTensor;
  /** KL penalty alone: `-klCoef * kl`. */
  readonly nonScoreRewards: TokenTensor;
}

/**
 * KL-penalised reward of every token (Ziegler et al. 2019), as TRL's `compute_rewards`:
 * `rewards[t] = -klCoef kl[t]`, and the score is added at the last token of its response.
 *
 * @param inputs `kl` and `mask` `[batch, time]`; `scores` `[batch]`, of the reward model, after shaping
 * @throws InputError when shapes differ
 * @throws InputError when a response has no token, or a score is not finite
 */
export function tokenRewards(
  { kl, scores, mask, klCoef }: {
    readonly kl: TokenTensor;
    readonly scores: Tensor<"float32">;
    readonly mask: TokenTensor;
    readonly klCoef: number;
  },
): TokenRewards {
  const { batch, time } = tokenShape({ mask, kl });
  checkScores(scores, batch);
  const nonScoreRewards = mapMasked(mask, (i) => -klCoef * kl.data[i]!);
  const rewards = mapMasked(mask, (i) => nonScoreRewards.data[i]!);
  for (const [row, last] of lastTokens(mask).entries()) {
    rewards.data[row * time + last]! += scores.data[row]!;
  }
  return { rewards, nonScoreRewards };
}
