import type { Sequence } from "@decorum/models";
import { computeAdvantages } from "./advantages.ts";
import { type KlController, updateKlController } from "./kl_controller.ts";
import { type KlKind, tokenKl } from "./kl.ts";
import { meanOfSums } from "./masked_moments.ts";
import type { StepStats } from "./metric_names.ts";
import { minibatchStats, stepStats } from "./metrics.ts";
import { tokenRewards } from "./rewards.ts";
import { float32, zeros } from "@decorum/tensor";
import type { UpdateOutcome } from "@decorum/learning";
import type { PpoLearner } from "./ppo_learner.ts";
import type { PpoSample } from "./sample.ts";
import {
  checkStep,
  type EpochsConfig,
  learnEpochs,
  type RolledOut,
  type StaleBatch,
} from "./step_epochs.ts";
import { type StageRunner, unwatched } from "./step_stage.ts";
import { denseRows, maskOf, sparseRows } from "@decorum/learning";

/** Settings of a step, under the field's names. */
export interface PpoStepConfig extends EpochsConfig {
  readonly ppoEpochs: number;
  readonly klKind: KlKind;
  readonly gamma: number;
  readonly lam: number;
  readonly whitenRewards?: boolean;
  /** Only the value head learns in this step. */
  readonly valueHeadOnly?: boolean;
}

/** What was rolled out. */
export interface PpoBatch extends StaleBatch {
  readonly sequences: readonly Sequence[];
  /** One for each sequence, after normalisation, clipping and penalties. */
  readonly scores: readonly number[];
  /** As the reward model gave them; `scores` by default. */
  readonly envRewards?: readonly number[];
  /** Of the counted tokens as the rollout's policy gave them; computed here when absent. */
  readonly rollout?: RolledOut;
  /** KL of every counted token over the whole vocabulary, for `klKind` "full"; see `FullKl`. */
  readonly fullKl?: readonly Float32Array[];
  /** Token ids of every response as statistics count them; by default the tokens of the response. */
  readonly responseLengths?: readonly number[];
}

/** What came of a step. */
export interface StepResult<Stats> {
  readonly stats: Stats;
  /** For the next step; as it was where the KL is not finite (every update was then skipped). */
  readonly klController: KlController;
  /** One for each mini-batch, in the order in which they were made. */
  readonly updates: readonly UpdateOutcome[];
  /** Epochs that ran: fewer than asked for after an early stop. */
  readonly epochs: number;
  /** Says how the rollout's predictions differed from the learner's, where they were made anew for it. */
  readonly recomputed?: string;
}

export type PpoStepResult = StepResult<StepStats>;

/**
 * One PPO step (Ziegler et al. 2019; TRL's `PPOTrainer.step`): KL-penalised rewards, GAE, whitening over the
 * batch, and the epochs of mini-batches.
 *
 * @param order sequences of epoch `e` in the order in which mini-batches are cut from them
 * @param stage runs the parts; by default they are just run
 * @throws InvariantError when the policy is not the reference at the first step, or the ratio of the first
 * mini-batch is not 1
 */
export async function ppoStep(
  learner: PpoLearner,
  batch: PpoBatch,
  config: PpoStepConfig,
  klController: KlController,
  order: (epoch: number) => ArrayLike<number>,
  stage: StageRunner = unwatched,
): Promise<PpoStepResult> {
  const { sequences, scores, rollout, generator } = batch;
  const { temperature, miniBatchSize, ppoEpochs } = config;
  checkStep(
    "PPO",
    sequences.length,
    { scores, ...(rollout && { rollout }), ...fullKlOf(batch, config) },
    { miniBatchSize, ppoEpochs },
  );
  // 1. The reference's log-probabilities. A policy that still is its reference has a KL of 0 to the bit: the
  // rounding between two graphs would be all there is to whiten, and Adam would make real steps of it.
  const reference = await stage(
    "forward_pass",
    () => learner.forward(sequences, { reference: true, temperature }),
  );
  const isReference = generator ? learner.isReferenceAt(generator) : learner.isReference;
  // 2. Rewards, advantages, returns. 3. Epochs of mini-batches.
  const { prepared, stats, updates, ...rest } = await learnEpochs({
    learner,
    sequences,
    ...{ rollout, generator },
    prepare: (rollout) =>
      prepareSamples({
        ...batch,
        rollout,
        reference,
        isReference,
        config,
        klCoef: klController.value,
        stage,
      }),
    statsOf: minibatchStats,
    config: { ...config, epochs: ppoEpochs },
    order,
    stage,
  });
  // 4. Statistics and the next KL coefficient.
  const { kl, nonScoreRewards, mask, logprobs } = prepared;
  const meanKl = meanOfSums(kl, mask);
  const all = await stage("calc_stats", () =>
    stepStats({
      kl,
      nonScoreRewards,
      logprobs,
      mask,
      scores,
      envRewards: batch.envRewards ?? scores,
      queryLengths: sequences.map((s) => s.query.length),
      responseLengths: batch.responseLengths ?? sequences.map((s) => s.response.length),
      klCoef: klController.value,
      learningRate: updates.at(-1)!.learningRate,
      minibatches: stats,
    }));
  return {
    stats: all,
    klController: Number.isFinite(meanKl)
      ? updateKlController(klController, meanKl, sequences.length)
      : klController,
    updates,
    ...rest,
  };
}

/** Rewards, advantages and returns of the batch, and what each sequence learns from. */
async function prepareSamples(
  parts: PpoBatch & {
    readonly rollout: RolledOut;
    readonly reference: RolledOut;
    readonly isReference: boolean;
    readonly config: PpoStepConfig;
    readonly klCoef: number;
    readonly stage: StageRunner;
  },
) {
  const { sequences, scores, fullKl, rollout, reference, isReference, klCoef, stage } = parts;
  const { klKind, gamma, lam, whitenRewards = false } = parts.config;
  const mask = maskOf(sequences);
  const dense = (rows: RolledOut, field: "logprobs" | "values") =>
    denseRows(sequences, rows.map((r) => r[field]));
  const [logprobs, refLogprobs] = [dense(rollout, "logprobs"), dense(reference, "logprobs")];
  const { kl, rewards, nonScoreRewards } = await stage("compute_rewards", () => {
    const kl = isReference
      ? zeros("float32", mask.dims)
      : klKind === "full"
      ? tokenKl({ kind: klKind, fullKl: denseRows(sequences, fullKl ?? []), mask })
      : tokenKl({ kind: klKind, logprobs, refLogprobs, mask });
    return { kl, ...tokenRewards({ kl, scores: float32([scores.length], scores), mask, klCoef }) };
  });
  const samples = await stage("compute_advantages", () => {
    const values = dense(rollout, "values");
    const found = computeAdvantages({ rewards, values, mask, gamma, lam, whitenRewards });
    const advantages = sparseRows(sequences, found.advantages);
    const returns = sparseRows(sequences, found.returns);
    return sequences.map((sequence, i): PpoSample => ({
      sequence,
      oldLogprobs: rollout[i]!.logprobs,
      oldValues: rollout[i]!.values,
      advantages: advantages[i]!,
      returns: returns[i]!,
    }));
  });
  return { mask, kl, nonScoreRewards, logprobs, refLogprobs, samples };
}

/** The full KL, where the step needs it. */
function fullKlOf({ fullKl = [] }: PpoBatch, { klKind }: PpoStepConfig) {
  return klKind === "full" ? { fullKl } : {};
}
