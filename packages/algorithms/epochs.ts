import type {
  LearnerSample,
  PolicyLearner,
  TokenPredictions,
  UpdateOutcome,
} from "@decorum/learning";
import type { Params } from "@decorum/optim";
import type { Precision } from "@decorum/tensor";
import type { Algorithm, RolledBatch, Statistics } from "./algorithm.ts";
import {
  checkFirstRatio,
  checkFirstStepKl,
  checkLogprobAgreement,
  type Compared,
  requireInvariant,
} from "./invariants.ts";
import { mean } from "./statistics.ts";
import type { StageRunner } from "./stages.ts";
import { joined, offsetsOf } from "./tokens.ts";

/** What a policy said of the tokens of responses: `[tokens]`, all of them one after another. */
export interface RolledOut {
  readonly logprobs: Float32Array;
  /** Empty where no value head was asked. */
  readonly values: Float32Array;
}

/** A batch ready to be learned from. */
export interface PreparedBatch<Sample> {
  readonly batch: RolledBatch;
  readonly rewards: ArrayLike<number>;
  readonly samples: readonly Sample[];
}

/** What the epochs of a step are made of. */
export interface EpochsInput<Sample extends LearnerSample> {
  readonly algorithm: Algorithm<Sample>;
  readonly learner: PolicyLearner<Sample>;
  /** What the policy that rolled out said; undefined: the learner's own predictions, computed by `forward`. */
  readonly rollout: RolledOut | undefined;
  /** Weights that rolled out, where they are not the learner's any more: the ratio is not 1 at first. */
  readonly generator: Params | undefined;
  /** The learner's own predictions, under the weights that rolled out. */
  readonly forward: () => Promise<RolledOut>;
  readonly prepare: (rollout: RolledOut) => Promise<PreparedBatch<Sample>>;
  /** Steps done: the learning rate goes by them, as TRL's, so that skipped updates and early stops do not slow it down. */
  readonly step: number;
  /** The lower of rollout's and learner's, which says how far they may differ. */
  readonly precision: Precision;
  /** Samples of epoch `e` in the order in which mini-batches are cut from them. */
  readonly order: (epoch: number, samples: number) => ArrayLike<number>;
  readonly stage: StageRunner;
}

/** What came of the epochs of a step. */
export interface EpochsResult<Sample> {
  /** As it was learned from. */
  readonly prepared: PreparedBatch<Sample>;
  /** Of the mini-batches whose update was applied; of all where none was. */
  readonly statistics: readonly Statistics[];
  /** One for each mini-batch, in the order in which they were made. */
  readonly updates: readonly UpdateOutcome[];
  /** Epochs that ran: fewer than asked for after an early stop. */
  readonly epochs: number;
  /** Says how the rollout's predictions differed from the learner's, where they were computed again for it. */
  readonly recomputed?: string;
}

/**
 * Epochs of mini-batches over one batch, an update each. On the first mini-batch, where nothing was updated yet,
 * the rollout's predictions are checked against the learner's (and computed again where they disagree), and so are the
 * invariants. A rollout of older weights is checked, and computed again, under those.
 *
 * @throws InvariantError when the policy is not the reference at the first step, or the ratio of the first
 * mini-batch is not 1
 */
export async function learnEpochs<Sample extends LearnerSample>(
  input: EpochsInput<Sample>,
): Promise<EpochsResult<Sample>> {
  const { algorithm, learner, rollout, generator, prepare, forward, stage, precision } = input;
  const { settings: { temperature, mini_batch_size }, perSample, targetKl } = algorithm;
  const miniBatchSize = Math.max(1, Math.floor(mini_batch_size / perSample));
  const valueHeadOnly = algorithm.warmsUp?.(input.step) ?? false;
  // Before any update the KL to the reference must be 0.
  const firstStep = learner.state().train.updates === 0;
  let prepared = await prepare(rollout ?? await forward());
  let recomputed: string | undefined;
  const updates: UpdateOutcome[] = [];
  const statistics: Statistics[] = [];
  let epochs = 0;
  for (let stop = false; epochs < algorithm.epochs && !stop; epochs++) {
    const chosen = Array.from(input.order(epochs, prepared.samples.length));
    const before = statistics.length;
    for (let start = 0; start < chosen.length; start += miniBatchSize) {
      const minibatch = chosen.slice(start, start + miniBatchSize);
      await stage("update.minibatch", async () => {
        const pick = () => minibatch.map((i) => prepared.samples[i]!);
        let gradients = await learner.gradients(pick(), { temperature });
        if (updates.length === 0) {
          // Nothing was updated in between: here the predictions of the policy that rolled out are checked.
          const own = rollout && generator
            ? await learner.forward(pick().map(({ sequence }) => sequence), {
              temperature,
              parameters: generator,
            })
            : gradients.predictions;
          if (rollout) {
            const check = checkLogprobAgreement(compared(pick(), own, precision));
            if (!check.ok) {
              recomputed = check.message;
              prepared = await prepare(await forward());
              gradients = await learner.gradients(pick(), { temperature });
            }
          }
          if (firstStep) {
            const { logprobs, refLogprobs: others, offsets } = prepared.batch;
            requireInvariant(checkFirstStepKl({ logprobs, others, offsets, precision }));
          }
          if (!generator) requireFirstRatio(compared(pick(), gradients.predictions, precision));
        }
        const { loss = NaN, ...means } = gradients.means;
        statistics.push({
          ...means,
          "ppo/loss/total": loss,
          ...algorithm.minibatchStatistics(pick()),
        });
        updates.push(learner.apply(gradients, { valueHeadOnly, scheduleAt: input.step }));
      });
    }
    const approxkl = statistics.slice(before).map((s) => s["ppo/policy/approxkl"]!);
    stop = targetKl !== null && stopsEarly(mean(approxkl), targetKl);
  }
  const applied = statistics.filter((_, i) => updates[i]!.applied);
  return {
    prepared,
    statistics: applied.length > 0 ? applied : statistics,
    updates,
    epochs,
    ...(recomputed === undefined ? {} : { recomputed }),
  };
}

/** Whether the epochs of a step end: beyond 1.5 times the target, the margin TRL uses. */
function stopsEarly(approxkl: number, targetKl: number): boolean {
  return approxkl > 1.5 * targetKl;
}

function compared(
  samples: readonly LearnerSample[],
  predictions: readonly Pick<TokenPredictions, "logprobs">[],
  precision: Precision,
): Compared {
  return {
    logprobs: joined(predictions.map(({ logprobs }) => logprobs)),
    others: joined(samples.map(({ oldLogprobs }) => oldLogprobs)),
    offsets: offsetsOf(samples.map(({ oldLogprobs: { length } }) => length)),
    precision,
  };
}

/** Nothing was updated yet, so the ratio is 1, unless the policy itself is not finite: that is skipped later. */
function requireFirstRatio(compared: Compared): void {
  if (compared.logprobs.every(Number.isFinite)) requireInvariant(checkFirstRatio(compared));
}
