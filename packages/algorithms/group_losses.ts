import { InputError } from "@decorum/tensor";
import { tokenKl } from "./kl.ts";
import { probabilityRatio } from "./losses.ts";
import { mean, meanOverMask, sumPerSequence } from "./masked_moments.ts";
import { mapMasked, tokenShape, type TokenTensor } from "./masks.ts";

/**
 * How GRPO adds up the losses of the tokens of a mini-batch: "grpo" is the mean over sequences of the mean over
 * their tokens; "bnpo" the mean over all tokens; "dr_grpo" the sum over `batch maxNewTokens`, a constant.
 * A mini-batch is all that one update is made of, so TRL's "dapo" is "bnpo" here.
 */
export type GrpoLossType = "grpo" | "bnpo" | "dr_grpo";

/** How far a ratio may go in either direction before its gain is cut off. */
export interface GroupClip {
  readonly epsilon: number;
  /** Upwards, where it differs (DAPO's 0.28); default `epsilon`. */
  readonly epsilonHigh?: number;
  /** Limit on the logarithm of the ratio before `exp`; default none. */
  readonly logRatioClamp?: number;
}

/** What both losses of a mini-batch are taken from; tensors `[batch, time]`. */
export interface GroupLossInputs extends GroupClip {
  /** Under the policy as it is now. */
  readonly logprobs: TokenTensor;
  /** Of the rollout. */
  readonly oldLogprobs: TokenTensor;
  /** `[batch]` */
  readonly advantages: ArrayLike<number>;
  readonly mask: TokenTensor;
}

/** A loss, and the shares of ratios that were cut off below, above, and at all. */
export interface GroupLoss {
  /** Of the policy, without the KL. */
  readonly policy: number;
  readonly clipLow: number;
  readonly clipHigh: number;
}

/**
 * Weight of each token of a sequence, so that the mean over all tokens of a mini-batch of weight times loss is the
 * loss of the type.
 *
 * @param lengths tokens of every sequence of the mini-batch
 * @param maxNewTokens the constant of "dr_grpo"
 * @returns one for each sequence
 */
export function tokenWeights(
  lossType: GrpoLossType,
  lengths: readonly number[],
  maxNewTokens: number,
): number[] {
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  return lengths.map((length) => {
    if (lossType === "bnpo") return 1;
    return tokens / (lengths.length * (lossType === "grpo" ? Math.max(1, length) : maxNewTokens));
  });
}

/** What GRPO's loss is taken from, further to what both are. */
export interface GrpoLossInputs extends GroupLossInputs {
  readonly refLogprobs: TokenTensor;
  readonly beta: number;
  readonly lossType: GrpoLossType;
  /** The constant of "dr_grpo". */
  readonly maxNewTokens: number;
}

/**
 * GRPO's loss (Shao et al. 2024, formula 3; TRL's `GRPOTrainer`): every token is an action of the sequence's
 * advantage, `-min(A ratio, A clip(ratio, 1 - epsilon, 1 + epsilonHigh)) + beta k3`, weighted by the loss type.
 *
 * @returns `loss` with the KL in it, and `tokens` `[batch, time]`, what each token adds before it is weighted
 * @throws InputError when shapes differ; InputError when the mask has no token
 */
export function grpoLoss(
  inputs: GrpoLossInputs,
): GroupLoss & { readonly loss: number; readonly tokens: TokenTensor } {
  const { logprobs, oldLogprobs, refLogprobs, mask, advantages, beta } = inputs;
  const { batch, time } = tokenShape({ mask, logprobs, oldLogprobs, refLogprobs });
  checkAdvantages(advantages, batch);
  const lengths = [...sumPerSequence(mask, mask)];
  const weights = tokenWeights(inputs.lossType, lengths, inputs.maxNewTokens);
  const kl = tokenKl({ kind: "k3", logprobs, refLogprobs, mask });
  const row = (i: number) => Math.floor(i / time);
  const at = (i: number) =>
    clippedLoss(logprobs.data[i]! - oldLogprobs.data[i]!, advantages[row(i)]!, inputs);
  const total = (i: number) => at(i).loss + beta * kl.data[i]!;
  const weighted = (value: (i: number) => number) =>
    meanOverMask(mask, (i) => weights[row(i)]! * value(i));
  return {
    policy: weighted((i) => at(i).loss),
    loss: weighted(total),
    tokens: mapMasked(mask, total),
    clipLow: meanOverMask(mask, (i) => Number(at(i).low)),
    clipHigh: meanOverMask(mask, (i) => Number(at(i).high)),
  };
}

/**
 * RLOO's loss (Ahmadian et al. 2024; TRL's `RLOOTrainer`): a whole response is one action, its ratio the product of
 * its tokens'; `-min(A ratio, A clip(ratio, 1 - epsilon, 1 + epsilonHigh))`, meaned over the sequences.
 *
 * @returns `sequences` `[batch]`: what each sequence adds
 * @throws InputError when shapes differ
 */
export function rlooLoss(
  inputs: GroupLossInputs,
): GroupLoss & { readonly sequences: readonly number[] } {
  const { logprobs, oldLogprobs, mask, advantages } = inputs;
  const { batch } = tokenShape({ mask, logprobs, oldLogprobs });
  checkAdvantages(advantages, batch);
  const [now, old] = [sumPerSequence(logprobs, mask), sumPerSequence(oldLogprobs, mask)];
  const rows = Array.from(now, (sum, i) => clippedLoss(sum - old[i]!, advantages[i]!, inputs));
  return {
    policy: mean(rows.map(({ loss }) => loss)),
    sequences: rows.map(({ loss }) => loss),
    clipLow: mean(rows.map(({ low }) => Number(low))),
    clipHigh: mean(rows.map(({ high }) => Number(high))),
  };
}

function clippedLoss(logRatio: number, advantage: number, clip: GroupClip) {
  const { epsilon, epsilonHigh = epsilon, logRatioClamp } = clip;
  const ratio = probabilityRatio(logRatio, logRatioClamp);
  const clipped = Math.min(1 + epsilonHigh, Math.max(1 - epsilon, ratio));
  return {
    loss: Math.max(-advantage * ratio, -advantage * clipped),
    low: ratio < 1 - epsilon && advantage < 0,
    high: ratio > 1 + epsilonHigh && advantage > 0,
  };
}

function checkAdvantages(advantages: ArrayLike<number>, batch: number): void {
  if (advantages.length === batch) return;
  throw new InputError(
    `"advantages" has ${advantages.length} numbers: expected ${batch}, one a sequence`,
  );
}
