import type { Sequence } from "@decorum/models";
import { checkScores } from "./scores.ts";
import type { GroupMinibatchStats, GroupStepStats } from "./metric_names.ts";
import { groupStepStats } from "./group_metrics.ts";
import { type KlController, updateKlController } from "./kl_controller.ts";
import { meanOfSums } from "./masked_moments.ts";
import type { TokenTensor } from "./masks.ts";
import { float32 } from "@decorum/tensor";
import type { LearnerSample } from "@decorum/learning";
import type { PolicyLearner } from "@decorum/learning";
import type { TokenPredictions } from "@decorum/learning";
import type { StepResult } from "./ppo_step.ts";
import {
  checkStep,
  type EpochsConfig,
  type EpochsResult,
  type PreparedBatch,
  type RolledOut,
  type StaleBatch,
} from "./step_epochs.ts";
import { denseRows, maskOf } from "@decorum/learning";

/** Settings that GRPO and RLOO have in common, under TRL's names. */
export interface GroupStepConfig extends EpochsConfig {
  /** Epochs over a batch. */
  readonly numIterations: number;
}

/** What was rolled out; the responses to a prompt follow each other. */
export interface GroupBatch extends StaleBatch {
  readonly sequences: readonly Sequence[];
  /** One for each sequence, after normalisation, clipping and penalties. */
  readonly scores: readonly number[];
  /** As the reward model gave them; `scores` by default. */
  readonly envRewards?: readonly number[];
  /** Of the counted tokens as the rollout's policy gave them; computed here when absent. */
  readonly rollout?: RolledOut;
}

export type GroupStepResult = StepResult<GroupStepStats>;

/** A batch of groups, compared. */
export interface ComparedBatch<Sample> extends PreparedBatch<Sample> {
  /** Of policy and reference as the algorithm estimates it, `[batch, time]`. */
  readonly kl: TokenTensor;
  /** What the responses of a group are compared by, `[batch]`. */
  readonly rewards: ArrayLike<number>;
}

/** The reference's view of a batch of groups. */
export interface GroupReference {
  readonly reference: readonly TokenPredictions[];
  /** `[batch, time]`, as `mask`. */
  readonly refLogprobs: TokenTensor;
  readonly mask: TokenTensor;
  /** Whether the weights that generated are the reference's. */
  readonly isReference: boolean;
}

/**
 * Checks a batch of groups, and asks for the reference's log-probabilities of it.
 *
 * @param algorithm its name, for messages
 */
export async function groupReference<Sample extends LearnerSample, Loss>(
  algorithm: string,
  learner: PolicyLearner<Sample, Loss>,
  { sequences, scores, rollout, generator }: GroupBatch,
  { temperature, numIterations, miniBatchSize }: GroupStepConfig,
): Promise<GroupReference> {
  const perSequence = { scores, ...(rollout && { rollout }) };
  checkStep(algorithm, sequences.length, perSequence, { miniBatchSize, numIterations });
  checkScores(float32([scores.length], scores), sequences.length);
  const reference = await learner.forward(sequences, { reference: true, temperature });
  return {
    reference,
    refLogprobs: denseRows(sequences, reference.map((r) => r.logprobs)),
    mask: maskOf(sequences),
    isReference: generator ? learner.isReferenceAt(generator) : learner.isReference,
  };
}

/** Statistics of a step and the next KL coefficient. */
export function groupStepResult<Sample>(
  { sequences, scores, envRewards = scores }: GroupBatch,
  { prepared, stats, updates, ...rest }: EpochsResult<ComparedBatch<Sample>, GroupMinibatchStats>,
  groupSize: number,
  klController: KlController,
): GroupStepResult {
  const { kl, mask, logprobs, rewards } = prepared;
  const meanKl = meanOfSums(kl, mask);
  return {
    stats: groupStepStats({
      kl,
      logprobs,
      mask,
      rewards,
      groupSize,
      scores,
      envRewards,
      queryLengths: sequences.map((s) => s.query.length),
      responseLengths: sequences.map((s) => s.response.length),
      klCoef: klController.value,
      learningRate: updates.at(-1)!.learningRate,
      minibatches: stats,
    }),
    klController: Number.isFinite(meanKl)
      ? updateKlController(klController, meanKl, sequences.length)
      : klController,
    updates,
    ...rest,
  };
}
