import {
  countedTokens,
  type LearnerSample,
  type OpenRunner,
  PolicyLearner,
  type UpdateOutcome,
} from "@decorum/learning";
import type { LoraConfig, PeftAdapter, Sequence } from "@decorum/models";
import { linearSchedule, type Params } from "@decorum/optim";
import type { RuntimeOptions } from "@decorum/runtime";
import { InputError, permutation, type Precision, randomKey } from "@decorum/tensor";
import type { Algorithm, Statistics } from "./algorithm.ts";
import { learnEpochs, type PreparedBatch, type RolledOut } from "./epochs.ts";
import { buildFullKlGraph, FullKl } from "./full_kl.ts";
import { type KlController, tokenKl, updateKlController } from "./kl.ts";
import { emptyMoments, type RunningMoments, shapeScores } from "./scores.ts";
import { type StageRunner, unwatched } from "./stages.ts";
import { averageStatistics, batchStatistics, mean } from "./statistics.ts";
import { joined, offsetsOf } from "./tokens.ts";

/** A batch that was rolled out and scored; lists are parallel, and responses to a prompt follow each other. */
export interface ScoredBatch {
  readonly sequences: readonly Sequence[];
  /** As the reward gave them. */
  readonly scores: readonly number[];
  /** Whether each response ended by itself; by default all did. */
  readonly hasEos?: readonly boolean[];
  /** What the policy that rolled out said of each response's tokens; computed here when absent. */
  readonly rollouts?: readonly RolledOut[];
  /** Weights that rolled out. Absent: the learner's as they are now. */
  readonly generator?: Params | undefined;
  /** Token ids of every response as statistics count them; by default the tokens of the response. */
  readonly responseLengths?: readonly number[];
}

/** What a run knows between two steps, besides the learner's state. */
export interface LearnState {
  /** Steps done. */
  readonly step: number;
  readonly klController: KlController;
  /** Of all scores so far. */
  readonly moments: RunningMoments;
}

/** What a run knows before its first step. */
export function firstState({ klController }: Algorithm): LearnState {
  return { step: 0, klController, moments: emptyMoments };
}

export interface LearnOptions {
  /** Samples of epoch `e` in the order in which mini-batches are cut from them; by default drawn from the run's seed. */
  readonly order?: (epoch: number, samples: number) => ArrayLike<number>;
  /** Runs the parts; by default they are just run. */
  readonly stage?: StageRunner;
}

/** What came of a step. */
export interface Learned {
  /** For the next step; the KL controller as it was where the KL is not finite (every update was then skipped). */
  readonly state: LearnState;
  /** Those of the algorithm, and Decorum's own under `ppo/{epochs,skipped_updates,grad_norm}` and `rollout/*`. */
  readonly statistics: Statistics;
  /** One for each mini-batch, in the order in which they were made. */
  readonly updates: readonly UpdateOutcome[];
  /** Epochs that ran: fewer than asked for after an early stop. */
  readonly epochs: number;
  /** Says how the rollout's predictions differed from the learner's, where they were computed again for it. */
  readonly recomputed?: string;
}

/** What an algorithm learns on. */
export interface LearningOptions {
  /** A Hugging Face folder of the base model. */
  readonly model: string;
  readonly lora: LoraConfig;
  /** The adapter that training starts from, which is then the reference too; a new one by default. */
  readonly start?: Pick<PeftAdapter, "parameters" | "valueHead"> | undefined;
  /** Of a new adapter and of the order of mini-batches; default 0. */
  readonly seed?: number;
  /** Execution provider, precision, threads. */
  readonly runtime?: RuntimeOptions;
  /** Where the learner's graphs run; by default in a worker thread of this process. */
  readonly openRunner?: OpenRunner | undefined;
  /** The lower of the policy's and the learner's, which says how far they may differ; default the learner's. */
  readonly policyPrecision?: Precision;
}

/** A policy that learns by one of the algorithms. */
export class Learning<Sample extends LearnerSample = LearnerSample> implements AsyncDisposable {
  private constructor(
    readonly algorithm: Algorithm<Sample>,
    readonly options: LearningOptions,
    readonly learner: PolicyLearner<Sample>,
    readonly fullKl: FullKl | undefined,
  ) {}

  /** @throws InputError when model, adapter or value head do not fit together */
  static async open<Sample extends LearnerSample>(
    algorithm: Algorithm<Sample>,
    options: LearningOptions,
  ): Promise<Learning<Sample>> {
    const { model, lora, start, seed = 0, runtime = {}, openRunner } = options;
    const { settings, perSample, sharePrompts, klKind } = algorithm;
    const schedule = linearSchedule({ totalSteps: settings.steps });
    const learner = await PolicyLearner.create({
      model,
      lora,
      ...(start ? { adapter: start.parameters } : {}),
      ...(start?.valueHead ? { valueHead: start.valueHead } : {}),
      optimizer: {
        algorithm: settings.optimizer,
        learningRate: settings.learning_rate,
        eps: settings.adam_eps,
        weightDecay: settings.weight_decay,
        maxGradNorm: settings.max_grad_norm ?? Infinity,
        ...(settings.lr_scheduler_type === "linear" ? { schedule } : {}),
      },
      microBatchSize: Math.max(1, Math.floor(settings.micro_batch_size / perSample)),
      seed,
      runtime,
      sharePrompts,
      ...(openRunner ? { openRunner } : {}),
      compare: klKind === "full" ? buildFullKlGraph : undefined,
    }, algorithm);
    const fullKl = klKind === "full" ? new FullKl(learner) : undefined;
    return new Learning(algorithm, options, learner, fullKl);
  }

  /**
   * One step: shaped scores, KL to the reference, rewards, what is learned from, the epochs of mini-batches, statistics.
   * Until the first update nothing is changed.
   *
   * @throws InputError naming what does not fit
   * @throws InvariantError when the policy is not the reference at the first step, or the ratio of the first
   * mini-batch is not 1
   */
  async learn(
    scored: ScoredBatch,
    state: LearnState,
    options: LearnOptions = {},
  ): Promise<Learned> {
    const { algorithm, learner } = this;
    const { runtime, policyPrecision } = this.options;
    const { sequences, generator, hasEos = sequences.map(() => true) } = scored;
    const { stage = unwatched } = options;
    const { settings, klKind } = algorithm;
    const { temperature } = settings;
    const { offsets, rollout } = this.#checked(scored);

    // 1. Scores as they are learned from.
    const { scores, moments } = shapeScores(scored.scores, hasEos, state.moments, settings);

    // 2. The reference's log-probabilities. A policy that still is its reference has a KL of 0 to the bit: the
    // rounding between two graphs would be all there is to whiten, and Adam would make real steps of it.
    const forward = async (under: { reference?: boolean; parameters?: Params }) =>
      flat(
        await stage(
          "forward_pass",
          () => learner.forward(sequences, { ...under, temperature }),
        ),
      );
    const { logprobs: refLogprobs } = await forward({ reference: true });
    const isReference = generator ? learner.isReferenceAt(generator) : learner.isReference;
    const exactKl = await this.#exactKl(scored, stage);

    // 3. KL, rewards, samples.
    const prepare = async (rollout: RolledOut): Promise<PreparedBatch<Sample>> => {
      const { batch, rewards } = await stage("compute_rewards", () => {
        const kl = isReference
          ? new Float32Array(refLogprobs.length)
          : klKind === "full"
          ? exactKl!
          : tokenKl(klKind, rollout.logprobs, refLogprobs);
        const klCoef = state.klController.value;
        const batch = { sequences, offsets, scores, hasEos, ...rollout, refLogprobs, kl, klCoef };
        return { batch, rewards: algorithm.rewards(batch) };
      });
      const samples = await stage("compute_advantages", () => algorithm.samples(batch, rewards));
      return { batch, rewards, samples };
    };

    // 4. Epochs of mini-batches.
    const { prepared, statistics, ...learned } = await learnEpochs({
      ...{ algorithm, learner, rollout, generator, prepare, stage },
      forward: () => forward(generator ? { parameters: generator } : {}),
      step: state.step,
      precision: policyPrecision ?? runtime?.precision ?? "fp32",
      order: options.order ?? ((epoch, samples) => this.#order(state.step, epoch, samples)),
    });

    // 5. Statistics and the next KL coefficient.
    return await stage("calc_stats", () => {
      const { batch, rewards } = prepared;
      const averages = averageStatistics(statistics);
      const common = batchStatistics(batch, {
        envRewards: scored.scores,
        responseLengths: scored.responseLengths ?? sequences.map((s) => s.response.length),
        learningRate: learned.updates.at(-1)!.learningRate,
      });
      const kl = common["objective/kl"]!;
      const klController = Number.isFinite(kl)
        ? updateKlController(state.klController, kl, sequences.length)
        : state.klController;
      const norms = learned.updates.map(({ gradNorm }) => gradNorm).filter(Number.isFinite);
      return {
        state: { step: state.step + 1, klController, moments },
        statistics: {
          ...common,
          ...averages,
          ...algorithm.stepStatistics(batch, rewards, averages),
          "ppo/epochs": learned.epochs,
          "ppo/skipped_updates": learned.updates.filter(({ applied }) => !applied).length,
          "ppo/grad_norm": norms.length > 0 ? mean(norms) : 0,
          "rollout/eos_share": mean(hasEos.map(Number)),
          "rollout/recomputed": learned.recomputed === undefined ? 0 : 1,
        },
        ...learned,
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.learner[Symbol.asyncDispose]();
  }

  /** Where tokens lie, and the rollout's predictions. @throws InputError naming what does not fit */
  #checked({ sequences, rollouts }: ScoredBatch) {
    const what = `Cannot take a ${this.algorithm.title} step`;
    const lengths = sequences.map(countedTokens);
    const empty = lengths.indexOf(0);
    if (empty >= 0) throw new InputError(`${what}: no token of response ${empty} counts`);
    const offsets = offsetsOf(lengths);
    if (!rollouts) return { offsets, rollout: undefined };
    if (rollouts.length !== sequences.length) {
      throw new InputError(
        `${what}: there are ${rollouts.length} rollouts; expected ${sequences.length}, one a sequence`,
      );
    }
    for (const [i, { logprobs, values }] of rollouts.entries()) {
      const found = this.algorithm.valueHead ? { logprobs, values } : { logprobs };
      for (const [name, { length }] of Object.entries(found)) {
        if (length === lengths[i]) continue;
        throw new InputError(
          `${what}: ${name} of response ${i} has ${length} numbers; expected ${
            lengths[i]
          }, one for each token that counts`,
        );
      }
    }
    return { offsets, rollout: flat(rollouts) };
  }

  /** Samples at random; where they share a prompt, prompts at random, each with all of its samples. */
  #order(step: number, epoch: number, samples: number): number[] {
    const { responses, perSample, sharePrompts } = this.algorithm;
    const together = sharePrompts ? responses / perSample : 1;
    const key = randomKey(this.options.seed ?? 0, "mini-batches", step, epoch);
    return Array.from(permutation(key, samples / together)).flatMap((prompt) =>
      Array.from({ length: together }, (_, i) => prompt * together + i)
    );
  }

  async #exactKl({ sequences, generator }: ScoredBatch, stage: StageRunner) {
    const { fullKl } = this;
    const { temperature } = this.algorithm.settings;
    return fullKl && await stage(
      "forward_pass",
      async () => joined(await fullKl.perToken(sequences, temperature, generator)),
    );
  }
}

/** Predictions of all sequences, one after another. */
function flat(rows: readonly RolledOut[]): RolledOut {
  return {
    logprobs: joined(rows.map(({ logprobs }) => logprobs)),
    values: joined(rows.map(({ values }) => values)),
  };
}
