import { type LearnerOptions } from "@decorum/learning";
import {
  FullKl,
  type GroupStepConfig,
  GrpoLearner,
  grpoStep,
  PpoLearner,
  ppoStep,
  RlooLearner,
  rlooStep,
  type RolledOut,
  type StepResult,
} from "@decorum/algorithms";
import type { LoraConfig, PeftAdapter, Sequence } from "@decorum/models";
import { linearSchedule, type Params } from "@decorum/optim";
import type { GroupClip, GroupStepStats, StepStats } from "@decorum/algorithms";
import { permutation, type Precision, randomKey } from "@decorum/tensor";
import type { Progress } from "./run/checkpoint.ts";
import { type RunConfig, settingsOf, type TrainerConfig } from "@decorum/settings";
import type { Stages } from "./stages.ts";

/** A batch that was rolled out and scored; all lists are parallel. */
export interface ScoredBatch {
  /** Responses to the same prompt follow each other. */
  readonly sequences: readonly Sequence[];
  readonly rollout: RolledOut;
  /** Weights that rolled out, where others were learned since. */
  readonly generator?: Params;
  /** As the reward model gave them. */
  readonly envRewards: readonly number[];
  /** After scaling, clipping and penalties. */
  readonly scores: readonly number[];
}

export type Learned = StepResult<StepStats | GroupStepStats>;

/** PPO, GRPO or RLOO: a learner, and how it learns from a batch. */
export interface Algorithm extends AsyncDisposable {
  readonly learner: PpoLearner | GrpoLearner | RlooLearner;
  learn(batch: ScoredBatch, progress: Progress, stages: Stages): Promise<Learned>;
}

/** What an algorithm is opened with. */
export interface AlgorithmInputs {
  readonly config: RunConfig;
  /** Folder of the base model. */
  readonly model: string;
  readonly lora: LoraConfig;
  readonly start: PeftAdapter | undefined;
  readonly runtime: Pick<TrainerConfig, "provider" | "threads">;
  /** Steps done so far, which decide the learning rate. */
  readonly clock: { readonly step: number };
  /** The lower of the policies' and the learner's. */
  readonly policyPrecision: Precision;
}

/** Opens the learner that the configuration names. */
export function openAlgorithm(inputs: AlgorithmInputs): Promise<Algorithm> {
  const open = { ppo: openPpo, grpo: openGrpo, rloo: openRloo };
  return open[inputs.config.algorithm](inputs);
}

async function openPpo(inputs: AlgorithmInputs): Promise<Algorithm> {
  const { config, policyPrecision } = inputs;
  const { ppo } = config;
  await using opened = new AsyncDisposableStack();
  const learner = opened.use(
    await PpoLearner.create({
      ...learnerOptions(inputs),
      loss: {
        cliprange: ppo.cliprange,
        cliprangeValue: ppo.cliprange_value,
        vfCoef: ppo.vf_coef,
        entropyCoef: ppo.entropy_coef,
        ...clampOf(ppo),
      },
    }),
  );
  const fullKl = ppo.kl_penalty === "full" ? await FullKl.open(learner) : undefined;
  if (fullKl) opened.defer(() => fullKl.release());
  const all = opened.move();
  return {
    learner,
    async learn(batch, { step, klController }, stages) {
      const perToken = fullKl && await stages.run(
        "reference",
        () => fullKl.perToken(batch.sequences, ppo.temperature, batch.generator),
      );
      const settings = {
        ...epochsConfig(config, learner, policyPrecision),
        ppoEpochs: ppo.ppo_epochs,
        klKind: ppo.kl_penalty,
        gamma: ppo.gamma,
        lam: ppo.lam,
        whitenRewards: ppo.whiten_rewards,
        valueHeadOnly: step < ppo.value_warmup_steps,
      };
      const whole = { ...batch, ...(perToken ? { fullKl: perToken } : {}) };
      return await updated(
        stages,
        () => ppoStep(learner, whole, settings, klController, orderOf(config, step), stages.ppo),
      );
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function openGrpo(inputs: AlgorithmInputs): Promise<Algorithm> {
  const { config } = inputs;
  const { grpo } = config;
  const learner = await GrpoLearner.create({
    ...learnerOptions(inputs),
    loss: { ...clipOf(grpo), lossType: grpo.loss_type, maxNewTokens: longest(grpo) },
  });
  return {
    learner,
    async learn(batch, { step, klController }, stages) {
      const settings = {
        ...groupConfig(config, learner, inputs.policyPrecision, grpo.num_iterations),
        numGenerations: grpo.num_generations,
        scaleRewards: grpo.scale_rewards,
      };
      return await updated(
        stages,
        () => grpoStep(learner, batch, settings, klController, orderOf(config, step), stages.ppo),
      );
    },
    [Symbol.asyncDispose]: () => learner.release(),
  };
}

async function openRloo(inputs: AlgorithmInputs): Promise<Algorithm> {
  const { config } = inputs;
  const { rloo } = config;
  const loss = clipOf(rloo);
  const learner = await RlooLearner.create({ ...learnerOptions(inputs), loss });
  return {
    learner,
    async learn(batch, { step, klController }, stages) {
      const settings = {
        ...groupConfig(config, learner, inputs.policyPrecision, rloo.num_iterations),
        rlooK: rloo.rloo_k,
        normalizeAdvantages: rloo.normalize_advantages,
      };
      return await updated(
        stages,
        () => rlooStep(learner, batch, settings, klController, orderOf(config, step), stages.ppo),
      );
    },
    [Symbol.asyncDispose]: () => learner.release(),
  };
}

function updated(stages: Stages, step: () => Promise<Learned>): Promise<Learned> {
  return stages.run("update", step, "time/ppo/total");
}

/** What learners of every algorithm are made of. */
function learnerOptions(
  { config, model, lora, start, runtime, clock }: AlgorithmInputs,
): Omit<LearnerOptions<never>, "loss"> {
  const settings = settingsOf(config);
  const linear = linearSchedule({ totalSteps: settings.steps });
  return {
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
      // By step, as TRL's: skipped updates and early stops do not slow it down.
      ...(settings.lr_scheduler_type === "linear" ? { schedule: () => linear(clock.step) } : {}),
    },
    microBatchSize: settings.micro_batch_size,
    seed: config.seed,
    runtime: {
      executionProvider: runtime.provider,
      precision: config.model.precision,
      ...(runtime.threads > 0 ? { intraOpThreads: runtime.threads } : {}),
    },
  };
}

/** Settings of the epochs of a step, the same for all algorithms. */
function epochsConfig(config: RunConfig, learner: Algorithm["learner"], precision: Precision) {
  const { mini_batch_size: miniBatchSize, temperature, target_kl: targetKl } = settingsOf(config);
  return {
    miniBatchSize,
    temperature,
    firstStep: learner.state().train.updates === 0,
    precision,
    ...(targetKl === null ? {} : { targetKl }),
  };
}

function groupConfig(
  config: RunConfig,
  learner: Algorithm["learner"],
  precision: Precision,
  numIterations: number,
): GroupStepConfig {
  return { ...epochsConfig(config, learner, precision), numIterations };
}

/** Sequences of each epoch of a step, in the order in which mini-batches are cut from them. */
function orderOf(config: RunConfig, step: number): (epoch: number) => ArrayLike<number> {
  const { batch_size: size } = settingsOf(config);
  return (epoch) => permutation(randomKey(config.seed, "mini-batches", step, epoch), size);
}

function clipOf(settings: RunConfig["grpo"] | RunConfig["rloo"]): GroupClip {
  const { epsilon, epsilon_high: epsilonHigh } = settings;
  return { epsilon, ...(epsilonHigh === null ? {} : { epsilonHigh }), ...clampOf(settings) };
}

function clampOf({ log_ratio_clamp: logRatioClamp }: { readonly log_ratio_clamp: number | null }) {
  return logRatioClamp === null ? {} : { logRatioClamp };
}

/** Longest response that can come. */
function longest(
  { length_sampler: lengths, max_new_tokens: most }: RunConfig["grpo"],
): number {
  return lengths ? lengths.max - 1 : most;
}
