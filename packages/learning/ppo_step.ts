import type { Sequence } from "@decorum/models";
import {
  checkFinite,
  checkFirstRatio,
  checkFirstStepKl,
  checkLogprobAgreement,
  computeAdvantages,
  type KlController,
  type KlKind,
  mean,
  meanOfSums,
  type MinibatchStats,
  minibatchStats,
  requireInvariant,
  shouldStopEarly,
  type StepStats,
  stepStats,
  tokenKl,
  tokenRewards,
  updateKlController,
} from "@decorum/ppo";
import { float32, type Precision, zeros } from "@decorum/tensor";
import type { PpoLearner } from "./ppo_learner.ts";
import type { PpoSample, TokenPredictions } from "./ppo_sample.ts";
import type { UpdateOutcome } from "./optimizer.ts";
import { denseRows, maskOf, sparseRows } from "./token_rows.ts";

/** Settings of a step, under the field's names. */
export interface PpoStepConfig {
  readonly miniBatchSize: number;
  readonly ppoEpochs: number;
  readonly klKind: KlKind;
  readonly gamma: number;
  readonly lam: number;
  readonly temperature: number;
  readonly whitenRewards?: boolean;
  /** Ends the epochs when the mean `approxkl` of one is beyond 1.5 times this, in nats per token. */
  readonly targetKl?: number;
  /** Only the value head learns in this step. */
  readonly valueHeadOnly?: boolean;
  /** No update was made yet: the KL to the reference must be 0. */
  readonly firstStep?: boolean;
  /** The lower of rollout's and learner's, which says how far they may differ; default the learner's. */
  readonly precision?: Precision;
}

/** What was rolled out. */
export interface PpoBatch {
  readonly sequences: readonly Sequence[];
  /** One for each sequence, after normalisation, clipping and penalties. */
  readonly scores: readonly number[];
  /** As the reward model gave them; `scores` by default. */
  readonly envRewards?: readonly number[];
  /** Of the counted tokens as the rollout's policy gave them; computed here when absent. */
  readonly rollout?: readonly Pick<TokenPredictions, "logprobs" | "values">[];
  /** KL of every counted token over the whole vocabulary, for `klKind` "full"; see `FullKl`. */
  readonly fullKl?: readonly Float32Array[];
  /** Token ids of every response as statistics count them; by default the tokens of the response. */
  readonly responseLengths?: readonly number[];
}

/** What came of a step. */
export interface PpoStepResult {
  readonly stats: StepStats;
  /** For the next step; as it was where the KL is not finite (every update was then skipped). */
  readonly klController: KlController;
  /** One for each mini-batch, in the order in which they were made. */
  readonly updates: readonly UpdateOutcome[];
  /** Epochs that ran: fewer than asked for after an early stop. */
  readonly epochs: number;
  /** Says how the rollout's predictions differed from the learner's, where they were made anew for it. */
  readonly recomputed?: string;
}

/** Parts of a step that are watched: timed, traced. */
export type PpoStage =
  | "forward_pass"
  | "compute_rewards"
  | "compute_advantages"
  | "update.minibatch"
  | "calc_stats";

/** Runs one part of a step and gives back its result. */
export type StageRunner = <T>(stage: PpoStage, run: () => T | Promise<T>) => Promise<T>;

type Rollout = readonly Pick<TokenPredictions, "logprobs" | "values">[];

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
  stage: StageRunner = async (_, run) => await run(),
): Promise<PpoStepResult> {
  const { sequences } = batch;
  const { temperature } = config;
  const precision = config.precision ?? learner.options.runtime?.precision ?? "fp32";
  checkBatch(batch, config);
  // 1. Log-probabilities and values of the rollout, and the reference's log-probabilities.
  const forward = (reference: boolean) =>
    stage("forward_pass", () => learner.forward(sequences, { reference, temperature }));
  const reference = await forward(true);
  let rollout: Rollout = batch.rollout ?? await forward(false);
  // 2. Rewards, advantages, returns. A policy that still is its reference has a KL of 0 to the bit: the
  // rounding between two graphs would be all there is to whiten, and Adam would make real steps of it.
  const isReference = learner.isReference;
  const prepare = () =>
    prepareSamples({
      ...batch,
      rollout,
      reference,
      isReference,
      config,
      klCoef: klController.value,
      stage,
    });
  let prepared = await prepare();
  // 3. Epochs of mini-batches.
  let recomputed: string | undefined;
  const updates: UpdateOutcome[] = [];
  const stats: MinibatchStats[] = [];
  let epochs = 0;
  for (let stop = false; epochs < config.ppoEpochs && !stop; epochs++) {
    const chosen = Array.from(order(epochs));
    const before = stats.length;
    for (let start = 0; start < chosen.length; start += config.miniBatchSize) {
      const minibatch = chosen.slice(start, start + config.miniBatchSize);
      await stage("update.minibatch", async () => {
        const pick = () => minibatch.map((i) => prepared.samples[i]!);
        let gradients = await learner.gradients(pick(), { temperature });
        if (updates.length === 0) {
          // The policy is still the one that rolled out: here its word is checked.
          if (batch.rollout) recomputed = disagreement(pick(), gradients.predictions, precision);
          if (recomputed !== undefined) {
            rollout = await forward(false);
            prepared = await prepare();
            gradients = await learner.gradients(pick(), { temperature });
          }
          if (config.firstStep) requireInvariant(checkFirstStepKl({ ...prepared, precision }));
          requireFirstRatio(pick(), gradients.predictions, precision);
        }
        stats.push(statsOf(pick(), gradients.predictions, learner));
        updates.push(learner.apply(gradients, { valueHeadOnly: config.valueHeadOnly ?? false }));
      });
    }
    const approxkl = mean(stats.slice(before).map((s) => s["ppo/policy/approxkl"]));
    stop = config.targetKl !== undefined && shouldStopEarly(approxkl, config.targetKl);
  }
  // 4. Statistics and the next KL coefficient.
  const { kl, nonScoreRewards, mask, logprobs } = prepared;
  const meanKl = meanOfSums(kl, mask);
  const applied = stats.filter((_, i) => updates[i]!.applied);
  const all = await stage("calc_stats", () =>
    stepStats({
      kl,
      nonScoreRewards,
      logprobs,
      mask,
      scores: batch.scores,
      envRewards: batch.envRewards ?? batch.scores,
      queryLengths: sequences.map((s) => s.query.length),
      responseLengths: batch.responseLengths ?? sequences.map((s) => s.response.length),
      klCoef: klController.value,
      learningRate: updates.at(-1)!.learningRate,
      minibatches: applied.length > 0 ? applied : stats,
    }));
  return {
    stats: all,
    klController: Number.isFinite(meanKl)
      ? updateKlController(klController, meanKl, sequences.length)
      : klController,
    updates,
    epochs,
    ...(recomputed === undefined ? {} : { recomputed }),
  };
}

/** Rewards, advantages and returns of the batch, and what each sequence learns from. */
async function prepareSamples(
  parts: PpoBatch & {
    readonly rollout: Rollout;
    readonly reference: Rollout;
    readonly isReference: boolean;
    readonly config: PpoStepConfig;
    readonly klCoef: number;
    readonly stage: StageRunner;
  },
) {
  const { sequences, scores, fullKl, rollout, reference, isReference, klCoef, stage } = parts;
  const { klKind, gamma, lam, whitenRewards = false } = parts.config;
  const mask = maskOf(sequences);
  const dense = (rows: Rollout, field: "logprobs" | "values") =>
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

function statsOf(
  samples: readonly PpoSample[],
  predictions: readonly TokenPredictions[],
  { options: { loss } }: PpoLearner,
): MinibatchStats {
  const sequences = samples.map((s) => s.sequence);
  const dense = (rows: readonly Float32Array[]) => denseRows(sequences, rows);
  return minibatchStats({
    ...loss,
    mask: maskOf(sequences),
    logprobs: dense(predictions.map((p) => p.logprobs)),
    values: dense(predictions.map((p) => p.values)),
    entropy: dense(predictions.map((p) => p.entropy)),
    oldLogprobs: dense(samples.map((s) => s.oldLogprobs)),
    oldValues: dense(samples.map((s) => s.oldValues)),
    advantages: dense(samples.map((s) => s.advantages)),
    returns: dense(samples.map((s) => s.returns)),
  });
}

/** How the rollout's log-probabilities differ from the learner's before the first update, if they do. */
function disagreement(
  samples: readonly PpoSample[],
  predictions: readonly TokenPredictions[],
  precision: Precision,
): string | undefined {
  const sequences = samples.map((s) => s.sequence);
  const check = checkLogprobAgreement({
    rollout: denseRows(sequences, samples.map((s) => s.oldLogprobs)),
    trainer: denseRows(sequences, predictions.map((p) => p.logprobs)),
    mask: maskOf(sequences),
    precision,
  });
  return check.ok ? undefined : check.message;
}

/** Nothing was updated yet, so the ratio is 1, unless the policy itself is not finite: that is skipped later. */
function requireFirstRatio(
  samples: readonly PpoSample[],
  predictions: readonly TokenPredictions[],
  precision: Precision,
): void {
  const sequences = samples.map((s) => s.sequence);
  const logprobs = denseRows(sequences, predictions.map((p) => p.logprobs));
  if (!checkFinite({ logprobs }).ok) return;
  const oldLogprobs = denseRows(sequences, samples.map((s) => s.oldLogprobs));
  const mask = maskOf(sequences);
  requireInvariant(checkFirstRatio({ logprobs, oldLogprobs, mask, precision }));
}

function checkBatch(batch: PpoBatch, config: PpoStepConfig): void {
  const { sequences, scores, rollout = sequences, fullKl } = batch;
  const perSequence: [string, ArrayLike<unknown>][] = [["scores", scores], ["rollout", rollout]];
  if (config.klKind === "full") perSequence.push(["fullKl", fullKl ?? []]);
  for (const [what, found] of perSequence) {
    if (found.length === sequences.length) continue;
    throw new TypeError(
      `Cannot take a PPO step: ${what} has ${found.length} entries; expected ${sequences.length}, one a sequence`,
    );
  }
  for (const field of ["miniBatchSize", "ppoEpochs"] as const) {
    if (Number.isSafeInteger(config[field]) && config[field] >= 1) continue;
    throw new RangeError(
      `Cannot take a PPO step with ${field} ${
        config[field]
      }: expected a whole number of at least 1`,
    );
  }
}
