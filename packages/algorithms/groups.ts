import { InputError } from "@decorum/tensor";
import { mean, std } from "./statistics.ts";

/** A deviation up to which rewards count as equal, as `torch.isclose` to 0. */
const ZERO_STD = 1e-8;

/** Added to a deviation that is divided by, as TRL does. */
export const STD_EPSILON = 1e-4;

/**
 * Advantages that compare the responses to a prompt, which follow each other. A group whose rewards are equal has advantages
 * of exactly 0, not of what rounding leaves of the mean.
 *
 * @param rewards `[sequences]`
 * @param advantagesOf those of one group of rewards
 * @returns `[sequences]`
 * @throws InputError when the batch is not whole groups of at least 2
 */
export function perGroup(
  rewards: ArrayLike<number>,
  size: number,
  advantagesOf: (group: readonly number[]) => number[],
): number[] {
  return groupsOf(rewards, size).flatMap((group) =>
    group.every((reward) => reward === group[0]) ? group.map(() => 0) : advantagesOf(group)
  );
}

/**
 * Of a step, under TRL's names: `kl` is the mean over the tokens, `objective/kl` that over the responses of their sums.
 *
 * @param rewards what responses are compared by: RLOO's have the KL penalty in them
 */
export function groupStatistics(
  rewards: ArrayLike<number>,
  scores: readonly number[],
  kl: Float32Array,
  size: number,
) {
  return {
    "objective/non_score_reward": mean(scores.map((score, i) => rewards[i]! - score)),
    "kl": mean(kl),
    "reward": mean(rewards),
    "reward_std": std(rewards),
    "frac_reward_zero_std": zeroStdShare(rewards, size),
  };
}

/** Share of the groups whose rewards are all equal: nothing is learned from them. TRL's `frac_reward_zero_std`. */
export function zeroStdShare(rewards: ArrayLike<number>, size: number): number {
  const groups = groupsOf(rewards, size);
  return groups.filter((group) => std(group) <= ZERO_STD).length / groups.length;
}

function groupsOf(rewards: ArrayLike<number>, size: number): number[][] {
  const all = Array.from(rewards);
  if (!Number.isSafeInteger(size) || size < 2 || all.length === 0 || all.length % size !== 0) {
    throw new InputError(
      `Cannot compare ${all.length} responses in groups of ${size}: expected whole groups of at least 2`,
    );
  }
  return Array.from({ length: all.length / size }, (_, g) => all.slice(g * size, (g + 1) * size));
}
