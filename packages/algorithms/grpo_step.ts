import { groupAdvantages, type ScaleRewards } from "./group_advantages.ts";
import { groupMinibatchStats } from "./group_metrics.ts";
import type { KlController } from "./kl_controller.ts";
import { tokenKl } from "./kl.ts";
import { zeros } from "@decorum/tensor";
import {
  type GroupBatch,
  groupReference,
  type GroupStepConfig,
  type GroupStepResult,
  groupStepResult,
} from "./group_step.ts";
import type { GrpoLearner, GrpoSample } from "./grpo_learner.ts";
import { learnEpochs } from "./step_epochs.ts";
import { type StageRunner, unwatched } from "./step_stage.ts";
import { denseRows } from "@decorum/learning";

/** Settings of a step, under TRL's names. */
export interface GrpoStepConfig extends GroupStepConfig {
  /** Responses to a prompt. */
  readonly numGenerations: number;
  readonly scaleRewards: ScaleRewards;
}

/**
 * One GRPO step (Shao et al. 2024, algorithm 1; TRL's `GRPOTrainer`): responses to a prompt are compared with each
 * other, every token of one gets its advantage, and the KL to the reference (k3) is a part of the loss.
 *
 * @param klController its coefficient is `beta`
 * @param order sequences of epoch `e` in the order in which mini-batches are cut from them
 * @param stage runs the parts; by default they are just run
 * @throws InvariantError when the policy is not the reference at the first step, or the ratio of the first
 * mini-batch is not 1
 */
export async function grpoStep(
  learner: GrpoLearner,
  batch: GroupBatch,
  config: GrpoStepConfig,
  klController: KlController,
  order: (epoch: number) => ArrayLike<number>,
  stage: StageRunner = unwatched,
): Promise<GroupStepResult> {
  const { sequences, scores, rollout, generator } = batch;
  const { numIterations, numGenerations } = config;
  // 1. The reference's log-probabilities.
  const { reference, isReference, mask, refLogprobs } = await stage(
    "forward_pass",
    () => groupReference("GRPO", learner, batch, config),
  );
  // 2. Advantages, within each group.
  const advantages = await stage("compute_advantages", () => groupAdvantages(scores, config));
  // 3. Epochs of mini-batches.
  const beta = klController.value;
  const learned = await learnEpochs({
    learner,
    sequences,
    ...{ rollout, generator },
    prepare: (rollout) =>
      stage("compute_rewards", () => {
        const logprobs = denseRows(sequences, rollout.map((r) => r.logprobs));
        return {
          mask,
          logprobs,
          refLogprobs,
          rewards: scores,
          kl: isReference
            ? zeros("float32", mask.dims)
            : tokenKl({ kind: "k3", logprobs, refLogprobs, mask }),
          samples: sequences.map((sequence, i): GrpoSample => ({
            sequence,
            oldLogprobs: rollout[i]!.logprobs,
            refLogprobs: reference[i]!.logprobs,
            advantage: advantages[i]!,
            beta,
          })),
        };
      }),
    statsOf: groupMinibatchStats,
    config: { ...config, epochs: numIterations },
    order,
    stage,
  });
  // 4. Statistics and the next KL coefficient.
  return await stage(
    "calc_stats",
    () => groupStepResult(batch, learned, numGenerations, klController),
  );
}
