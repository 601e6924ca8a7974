import { groupMinibatchStats } from "./group_metrics.ts";
import type { KlController } from "./kl_controller.ts";
import { leaveOneOutAdvantages } from "./group_advantages.ts";
import { sumPerSequence } from "./masked_moments.ts";
import { tokenKl } from "./kl.ts";
import { zeros } from "@decorum/tensor";
import {
  type GroupBatch,
  groupReference,
  type GroupStepConfig,
  type GroupStepResult,
  groupStepResult,
} from "./group_step.ts";
import type { RlooLearner, RlooSample } from "./rloo_learner.ts";
import { learnEpochs } from "./step_epochs.ts";
import { type StageRunner, unwatched } from "./step_stage.ts";
import { denseRows } from "@decorum/learning";

/** Settings of a step, under TRL's names. */
export interface RlooStepConfig extends GroupStepConfig {
  /** Responses to a prompt. */
  readonly rlooK: number;
  /** Centres and scales advantages over the batch. */
  readonly normalizeAdvantages: boolean;
}

/**
 * One RLOO step (Ahmadian et al. 2024; TRL's `RLOOTrainer`): a response is one action, its reward the score less the
 * KL to the reference (k1, summed over its tokens), its baseline the mean reward of the others to the same prompt.
 *
 * @param klController its coefficient is `beta`
 * @param order sequences of epoch `e` in the order in which mini-batches are cut from them
 * @param stage runs the parts; by default they are just run
 * @throws InvariantError when the policy is not the reference at the first step, or the ratio of the first
 * mini-batch is not 1
 */
export async function rlooStep(
  learner: RlooLearner,
  batch: GroupBatch,
  config: RlooStepConfig,
  klController: KlController,
  order: (epoch: number) => ArrayLike<number>,
  stage: StageRunner = unwatched,
): Promise<GroupStepResult> {
  const { sequences, scores, rollout, generator } = batch;
  const { numIterations, rlooK } = config;
  // 1. The reference's log-probabilities.
  const { isReference, mask, refLogprobs } = await stage(
    "forward_pass",
    () => groupReference("RLOO", learner, batch, config),
  );
  // 2. KL-penalised rewards, and advantages within each group. 3. Epochs of mini-batches.
  const learned = await learnEpochs({
    learner,
    sequences,
    ...{ rollout, generator },
    prepare: async (rollout) => {
      const logprobs = denseRows(sequences, rollout.map((r) => r.logprobs));
      const { kl, rewards } = await stage("compute_rewards", () => {
        const kl = isReference
          ? zeros("float32", mask.dims)
          : tokenKl({ kind: "kl", logprobs, refLogprobs, mask });
        const sums = sumPerSequence(kl, mask);
        return { kl, rewards: scores.map((score, i) => score - klController.value * sums[i]!) };
      });
      const advantages = await stage(
        "compute_advantages",
        () => leaveOneOutAdvantages(rewards, config),
      );
      const samples = sequences.map((sequence, i): RlooSample => ({
        sequence,
        oldLogprobs: rollout[i]!.logprobs,
        advantage: advantages[i]!,
      }));
      return { mask, logprobs, refLogprobs, kl, rewards, samples };
    },
    statsOf: groupMinibatchStats,
    config: { ...config, epochs: numIterations },
    order,
    stage,
  });
  // 4. Statistics and the next KL coefficient.
  return await stage("calc_stats", () => groupStepResult(batch, learned, rlooK, klController));
}
