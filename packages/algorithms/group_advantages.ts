import { InputError } from "@decorum/tensor";
import { mean, std } from "./masked_moments.ts";

/** What GRPO divides a group's advantages by: its own deviation, that of the batch, or nothing. */
export type ScaleRewards = "group" | "batch" | "none";

/** Added to a deviation that is divided by, as TRL does. */
const STD_EPSILON = 1e-4;

/** A deviation up to which rewards count as equal, as `torch.isclose` to 0. */
const ZERO_STD = 1e-8;

/**
 * GRPO's advantage of every response (Shao et al. 2024, section 4.1; TRL's `GRPOTrainer`): its reward less the
 * mean of its group, over the unbiased deviation plus 1e-4. Responses to a prompt follow each other. A group whose
 * rewards are equal has advantages of exactly 0, not of what rounding leaves of the mean.
 *
 * @param rewards `[batch]`
 * @param options.scaleRewards "none" is Dr. GRPO's (Liu et al. 2025)
 * @returns `[batch]`
 * @throws InputError when the batch is not whole groups of at least 2
 */
export function groupAdvantages(
  rewards: ArrayLike<number>,
  { numGenerations, scaleRewards }: {
    readonly numGenerations: number;
    readonly scaleRewards: ScaleRewards;
  },
): Float64Array {
  const batchStd = std(rewards);
  return perGroup(rewards, numGenerations, (group) => {
    const centre = mean(group);
    const scale = scaleRewards === "none"
      ? 1
      : 1 / ((scaleRewards === "group" ? std(group) : batchStd) + STD_EPSILON);
    return group.map((reward) => (reward - centre) * scale);
  });
}

/**
 * RLOO's advantage of every response (Kool et al. 2019, Ahmadian et al. 2024; TRL's `RLOOTrainer`): its reward less
 * the mean of the others of its group. A group whose rewards are equal has advantages of exactly 0.
 *
 * @param rewards `[batch]`, the KL penalty within
 * @param options.normalizeAdvantages centres them over the batch and divides by their deviation plus 1e-4
 * @returns `[batch]`
 * @throws InputError as {@link groupAdvantages}
 */
export function leaveOneOutAdvantages(
  rewards: ArrayLike<number>,
  { rlooK, normalizeAdvantages }: {
    readonly rlooK: number;
    readonly normalizeAdvantages: boolean;
  },
): Float64Array {
  const advantages = perGroup(rewards, rlooK, (group) => {
    const sum = group.reduce((total, reward) => total + reward, 0);
    return group.map((reward) => reward - (sum - reward) / (rlooK - 1));
  });
  if (!normalizeAdvantages || advantages.every((a) => a === 0)) return advantages;
  const [centre, scale] = [mean(advantages), 1 / (std(advantages) + STD_EPSILON)];
  return advantages.map((a) => (a - centre) * scale);
}

/** Share of the groups whose rewards are all equal: nothing is learned from them. TRL's `frac_reward_zero_std`. */
export function zeroStdShare(rewards: ArrayLike<number>, size: number): number {
  const groups = groupsOf(rewards, size);
  return groups.filter((group) => std(group) <= ZERO_STD).length / groups.length;
}

function perGroup(
  rewards: ArrayLike<number>,
  size: number,
  advantagesOf: (group: readonly number[]) => number[],
): Float64Array {
  return Float64Array.from(
    groupsOf(rewards, size).flatMap((group) =>
      group.every((reward) => reward === group[0]) ? group.map(() => 0) : advantagesOf(group)
    ),
  );
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
