import type { Sequence } from "@decorum/models";
import {
  checkFinite,
  checkFirstRatio,
  checkFirstStepKl,
  checkLogprobAgreement,
  requireInvariant,
} from "./invariants.ts";
import { mean } from "./masked_moments.ts";
import { shouldStopEarly } from "./early_stop.ts";
import type { TokenTensor } from "./masks.ts";
import type { Params } from "@decorum/optim";
import { InputError, type Precision } from "@decorum/tensor";
import type { UpdateOutcome } from "@decorum/learning";
import type { LearnerSample } from "@decorum/learning";
import type { PolicyLearner } from "@decorum/learning";
import type { TokenPredictions } from "@decorum/learning";
import type { StageRunner } from "./step_stage.ts";
import { denseRows, maskOf } from "@decorum/learning";

/** What a policy said of the responses that it gave, one for each sequence. */
export type RolledOut = readonly Pick<TokenPredictions, "logprobs" | "values">[];

/** A batch that was rolled out by older weights than those that learn from it: their ratio is not 1 at first. */
export interface StaleBatch {
  /** The weights that rolled out. Absent: the learner's as they are now. */
  readonly generator?: Params;
}

/** A batch ready to be learned from; tensors `[batch, time]`. */
export interface PreparedBatch<Sample> {
  readonly samples: readonly Sample[];
  readonly mask: TokenTensor;
  readonly logprobs: TokenTensor;
  readonly refLogprobs: TokenTensor;
}

/** Settings of the epochs of a step, under the field's names. */
export interface EpochsConfig {
  readonly miniBatchSize: number;
  readonly temperature: number;
  /** Ends the epochs when the mean `approxkl` of one is beyond 1.5 times this, in nats per token. */
  readonly targetKl?: number;
  /** No update was made yet: the KL to the reference must be 0. */
  readonly firstStep?: boolean;
  /** The lower of rollout's and learner's, which says how far they may differ; default the learner's. */
  readonly precision?: Precision;
}

/** What the epochs of a step are made of. */
export interface EpochsInput<Sample extends LearnerSample, Batch, Stats> {
  readonly learner: PolicyLearner<Sample, unknown>;
  readonly sequences: readonly Sequence[];
  /** What the rollout's policy said; the learner's own word, computed here, when absent. */
  readonly rollout: RolledOut | undefined;
  /** Weights that rolled out, where they are not the learner's any more; see {@link StaleBatch}. */
  readonly generator?: Params | undefined;
  readonly prepare: (rollout: RolledOut) => Promise<Batch>;
  /** Metrics of a mini-batch. @param means of the update graph's statistics and loss, by name */
  readonly statsOf: (
    samples: readonly Sample[],
    means: Readonly<Record<string, number>>,
  ) => Stats;
  readonly config: EpochsConfig & {
    readonly epochs: number;
    /** Only the value head learns. */
    readonly valueHeadOnly?: boolean;
  };
  /** Sequences of epoch `e` in the order in which mini-batches are cut from them. */
  readonly order: (epoch: number) => ArrayLike<number>;
  readonly stage: StageRunner;
}

/** What came of the epochs of a step. */
export interface EpochsResult<Batch, Stats> {
  /** As it was learned from. */
  readonly prepared: Batch;
  /** Of the mini-batches whose update was applied; of all where none was. */
  readonly stats: readonly Stats[];
  /** One for each mini-batch, in the order in which they were made. */
  readonly updates: readonly UpdateOutcome[];
  /** Epochs that ran: fewer than asked for after an early stop. */
  readonly epochs: number;
  /** Says how the rollout's predictions differed from the learner's, where they were made anew for it. */
  readonly recomputed?: string;
}

/**
 * Epochs of mini-batches over one batch, an update each. On the first mini-batch, where nothing was updated yet,
 * the rollout's word is checked against the learner's (and made anew where they disagree), and so are the
 * invariants. A rollout of older weights is checked, and made anew, under those.
 *
 * @throws InvariantError when the policy is not the reference at the first step, or the ratio of the first
 * mini-batch is not 1
 */
export async function learnEpochs<
  Sample extends LearnerSample,
  Batch extends PreparedBatch<Sample>,
  Stats extends { readonly "ppo/policy/approxkl": number },
>(
  { learner, sequences, rollout: given, generator, prepare, statsOf, config, order, stage }:
    EpochsInput<Sample, Batch, Stats>,
): Promise<EpochsResult<Batch, Stats>> {
  const { temperature, targetKl, valueHeadOnly = false } = config;
  const precision = config.precision ?? learner.options.runtime?.precision ?? "fp32";
  const generated = { temperature, ...(generator && { parameters: generator }) };
  const forward = () => stage("forward_pass", () => learner.forward(sequences, generated));
  let prepared = await prepare(given ?? await forward());
  let recomputed: string | undefined;
  const updates: UpdateOutcome[] = [];
  const stats: Stats[] = [];
  let epochs = 0;
  for (let stop = false; epochs < config.epochs && !stop; epochs++) {
    const chosen = Array.from(order(epochs));
    const before = stats.length;
    for (let start = 0; start < chosen.length; start += config.miniBatchSize) {
      const minibatch = chosen.slice(start, start + config.miniBatchSize);
      await stage("update.minibatch", async () => {
        const pick = () => minibatch.map((i) => prepared.samples[i]!);
        let gradients = await learner.gradients(pick(), { temperature });
        if (updates.length === 0) {
          // Nothing was updated in between: here the word of the policy that rolled out is checked.
          const own = given && generator
            ? await learner.forward(pick().map((s) => s.sequence), generated)
            : gradients.predictions;
          if (given) recomputed = disagreement(pick(), own, precision);
          if (recomputed !== undefined) {
            prepared = await prepare(await forward());
            gradients = await learner.gradients(pick(), { temperature });
          }
          if (config.firstStep) requireInvariant(checkFirstStepKl({ ...prepared, precision }));
          if (!generator) requireFirstRatio(pick(), gradients.predictions, precision);
        }
        stats.push(statsOf(pick(), gradients.means));
        updates.push(learner.apply(gradients, { valueHeadOnly }));
      });
    }
    const approxkl = mean(stats.slice(before).map((s) => s["ppo/policy/approxkl"]));
    stop = targetKl !== undefined && shouldStopEarly(approxkl, targetKl);
  }
  const applied = stats.filter((_, i) => updates[i]!.applied);
  return {
    prepared,
    stats: applied.length > 0 ? applied : stats,
    updates,
    epochs,
    ...(recomputed === undefined ? {} : { recomputed }),
  };
}

/**
 * Checks the settings of a step.
 *
 * @param perSequence what there must be one of for each of `count` sequences, by name
 * @param counts whole numbers of at least 1, by name
 * @throws InputError naming the first that does not fit
 */
export function checkStep(
  what: string,
  count: number,
  perSequence: Readonly<Record<string, ArrayLike<unknown>>>,
  counts: Readonly<Record<string, number>>,
): void {
  for (const [name, { length }] of Object.entries(perSequence)) {
    if (length === count) continue;
    throw new InputError(
      `Cannot take a ${what} step: ${name} has ${length} entries; expected ${count}, one a sequence`,
    );
  }
  for (const [field, value] of Object.entries(counts)) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new InputError(
      `Cannot take a ${what} step with ${field} ${value}: expected a whole number of at least 1`,
    );
  }
}

/** How the rollout's log-probabilities differ from the learner's before the first update, if they do. */
function disagreement(
  samples: readonly LearnerSample[],
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
  samples: readonly LearnerSample[],
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
