import { createHash } from "node:crypto";
import {
  hasRun,
  type RunSettings,
  type TrainedModel,
  type TrainingSchedule,
} from "@decorum/learning";
import {
  baseModelHash,
  type LinearLayers,
  type LoraConfig,
  openCheckpoint,
  targetLayers,
  tokenizerHash,
} from "@decorum/models";
import { constantSchedule, linearSchedule } from "@decorum/optim";
import { ConfigError } from "@decorum/settings";
import type { Tokenizer } from "@decorum/text";
import {
  checkPath,
  count,
  dataFile,
  flag,
  type FlagValues,
  names,
  nonNegative,
  oneOf,
  positive,
  positiveCount,
  type Problems,
  rate,
  share,
  text,
  toggle,
} from "./flags.ts";
import { learnerFlags } from "./learners.ts";

/** Options that all commands have that train. */
export const trainingFlags = {
  model: flag("--model <folder>", "start from this Hugging Face folder", text.optional()),
  initConfig: flag(
    "--init-config <file>",
    "start from random weights of this config.json instead",
    text.optional(),
  ),
  tokenizer: flag(
    "--tokenizer <folder>",
    "the tokenizer of a model with random weights (default: beside --init-config)",
    text.optional(),
  ),
  data: flag("--data <file>", "the examples: .jsonl, or .csv or .tsv with a header row", dataFile),
  evalData: flag(
    "--eval-data <file>",
    "held-out examples, which are measured at the end",
    dataFile.optional(),
  ),
  evalFraction: flag(
    "--eval-fraction <share>",
    "hold out about this share of --data instead",
    share.optional(),
  ),
  out: flag("--out <folder>", "write model/ or adapter/, checkpoint/ and metrics.jsonl here", text),
  full: flag("--full", "train all weights (default: of models with up to 100 million)", toggle),
  loraR: flag(
    "--lora-r <n>",
    "train a LoRA adapter of this rank (default: 32)",
    positiveCount.optional(),
  ),
  loraAlpha: flag(
    "--lora-alpha <x>",
    "the adapter is scaled by this over the rank (default: the rank)",
    positive.optional(),
  ),
  loraDropout: flag(
    "--lora-dropout <p>",
    "dropout before the adapter (default: 0)",
    rate.optional(),
  ),
  targetModules: flag(
    "--target-modules <names>",
    "linear layers that get an adapter, with commas between them",
    names.optional(),
  ),
  steps: flag("--steps <n>", "optimizer steps", positiveCount.optional()),
  epochs: flag("--epochs <x>", "passes over the data instead (default: 3)", positive.optional()),
  batchSize: flag("--batch-size <n>", "examples of a step", positiveCount.default(8)),
  microBatchSize: flag(
    "--micro-batch-size <n>",
    "examples in memory at once; results differ by rounding only",
    positiveCount.default(4),
  ),
  learningRate: flag(
    "--learning-rate <x>",
    "largest step size (default: 1e-3 for an adapter, else 1e-4)",
    positive.optional(),
  ),
  schedule: flag(
    "--schedule <kind>",
    "constant, or linear: down to 0 at the end",
    oneOf("linear", "constant").default("linear"),
  ),
  warmupSteps: flag(
    "--warmup-steps <n>",
    "steps until --learning-rate is reached",
    count.default(0),
  ),
  optimizer: flag(
    "--optimizer <name>",
    "adamw or adam",
    oneOf("adamw", "adam").default("adamw"),
  ),
  weightDecay: flag("--weight-decay <x>", "weight decay of the optimizer", nonNegative.default(0)),
  maxGradNorm: flag(
    "--max-grad-norm <x>",
    "largest global norm of a gradient",
    positive.default(1),
  ),
  truncate: flag("--truncate", "cut texts that are too long instead of refusing them", toggle),
  seed: flag("--seed <n>", "seed of the order, the dropout and random weights", count.default(1)),
  checkpointEvery: flag(
    "--checkpoint-every <n>",
    "steps between checkpoints; 0: only at the end",
    count.default(200),
  ),
  resume: flag("--resume", "continue from the checkpoint in --out, bit for bit", toggle),
  threads: flag(
    "--threads <n>",
    "threads of one operator; 0: one for each physical core",
    count.default(0),
  ),
  ...learnerFlags,
} as const;

export type TrainingFlags = FlagValues<typeof trainingFlags>;

/** Options of a command that trains a policy on prompts and responses. */
export const policyFlags = {
  ...trainingFlags,
  prompt: flag(
    "--prompt <template>",
    "the prompt: a text with {columns}, or the name of one column",
    text.default("prompt"),
  ),
  maxSourceTokens: flag(
    "--max-source-tokens <n>",
    "longest prompt (default: as the tokenizer says)",
    positiveCount.optional(),
  ),
  maxTargetTokens: flag(
    "--max-target-tokens <n>",
    "longest response (default: as the tokenizer says)",
    positiveCount.optional(),
  ),
} as const;

/** How long prompts and responses may be, and what happens to longer ones. */
export function lengthsOf(
  flags: FlagValues<typeof policyFlags>,
  { modelMaxLength }: Pick<Tokenizer, "modelMaxLength">,
) {
  const { maxSourceTokens = modelMaxLength, maxTargetTokens = modelMaxLength, truncate } = flags;
  return { maxSourceTokens, maxTargetTokens, truncate };
}

/** The LoRA options that were given. */
export function loraFlags(flags: Partial<TrainingFlags>): string[] {
  const given = {
    "--lora-r": flags.loraR,
    "--lora-alpha": flags.loraAlpha,
    "--lora-dropout": flags.loraDropout,
    "--target-modules": flags.targetModules,
  };
  return Object.entries(given).flatMap(([name, value]) => value === undefined ? [] : [name]);
}

/** Finds what is wrong with options together, and with the files and folders that they name. */
export function checkTrainingFlags(flags: Partial<TrainingFlags>, problems: Problems): void {
  const { model, initConfig, tokenizer, data, evalData, evalFraction } = flags;
  if (model === undefined && initConfig === undefined) {
    problems.add("--model is missing: name a Hugging Face folder, or --init-config a config.json");
  }
  const both = (a: string, b: string) =>
    problems.add(`${a} and ${b} were both given: leave one out`);
  if (model !== undefined && initConfig !== undefined) both("--model", "--init-config");
  if (model !== undefined && tokenizer !== undefined) both("--model", "--tokenizer");
  if (evalData !== undefined && evalFraction !== undefined) both("--eval-data", "--eval-fraction");
  if (flags.steps !== undefined && flags.epochs !== undefined) both("--steps", "--epochs");
  if (flags.learnersTls !== undefined && flags.learners === undefined) {
    problems.add("--learners-tls was given without --learners: name those too, or leave it out");
  }
  const [lora] = loraFlags(flags);
  if (flags.full && lora !== undefined) both("--full", lora);
  const named = (option: string, path: string | undefined, kind: "file" | "folder") => {
    if (path !== undefined) checkPath(option, path, kind, problems);
  };
  named("--model", model, "folder");
  named("--init-config", initConfig, "file");
  named("--tokenizer", tokenizer, "folder");
  named("--data", data, "file");
  named("--eval-data", evalData, "file");
  checkRunFolder(flags, problems);
}

/** An output folder holds one run: a new one takes a new folder, and `--resume` needs a checkpoint. */
function checkRunFolder({ out, resume }: Partial<TrainingFlags>, problems: Problems): void {
  if (out === undefined || hasRun(out) === (resume ?? false)) return;
  problems.add(
    resume
      ? `--resume: there is no checkpoint in ${out}; leave it out to begin, or name the run's folder as --out`
      : `--out is "${out}": it holds a run; continue it with --resume, or name another folder`,
  );
}

/** Weights up to which all of them are trained where the options do not say. */
const FULL_BY_DEFAULT = 100e6;

/**
 * The adapter to train, or undefined for all weights.
 *
 * @param otherwise layers that get an adapter where the options name none
 * @throws ConfigError for a layer that the model lacks
 */
export function loraOf(
  flags: TrainingFlags,
  model: string,
  layers: LinearLayers,
  otherwise: readonly string[],
): LoraConfig | undefined {
  const asked = loraFlags(flags).length > 0;
  const small = flags.initConfig !== undefined || countWeights(model) <= FULL_BY_DEFAULT;
  if (flags.full || !asked && small) return undefined;
  const r = flags.loraR ?? 32;
  const lora = {
    r,
    loraAlpha: flags.loraAlpha ?? r,
    loraDropout: flags.loraDropout ?? 0,
    targetModules: flags.targetModules ?? otherwise,
  };
  try {
    targetLayers(lora, layers, "--target-modules");
  } catch (error) {
    throw new ConfigError([(error as Error).message]);
  }
  return lora;
}

/** How many updates, of how many examples, and how large. */
export interface TrainingPlan extends TrainingSchedule {
  readonly microBatchSize: number;
  readonly optimizer: TrainedModel["optimizer"];
}

/**
 * @param learningRate where the options do not say
 * @throws ConfigError when the examples do not fill a batch, or the warm-up is longer than the run
 */
export function planOf(
  flags: TrainingFlags,
  examples: number,
  learningRate: number,
): TrainingPlan {
  const { batchSize, warmupSteps, schedule } = flags;
  const problems: string[] = [];
  if (examples < batchSize) {
    problems.push(
      `--batch-size is ${batchSize}: there ${
        examples === 1 ? "is 1 example" : `are ${examples} examples`
      } to train on, fewer than one batch`,
    );
  }
  // A pass is its full batches: the rest goes into the next shuffle.
  const perEpoch = Math.max(1, Math.floor(examples / batchSize));
  const steps = flags.steps ?? Math.max(1, Math.round((flags.epochs ?? 3) * perEpoch));
  if (warmupSteps > steps) {
    problems.push(`--warmup-steps is ${warmupSteps}: the run has ${steps} steps`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    steps,
    batchSize,
    microBatchSize: Math.min(flags.microBatchSize, batchSize),
    seed: flags.seed,
    optimizer: {
      algorithm: flags.optimizer,
      learningRate: flags.learningRate ?? learningRate,
      eps: 1e-8,
      weightDecay: flags.weightDecay,
      maxGradNorm: flags.maxGradNorm,
      schedule: schedule === "linear"
        ? linearSchedule({ warmupSteps, totalSteps: steps })
        : constantSchedule({ warmupSteps }),
    },
  };
}

/** What must be the same for a run to continue bit for bit. A run on a constant schedule may be made longer. */
export async function settingsOf(
  flags: TrainingFlags,
  plan: TrainingPlan,
  lora: LoraConfig | undefined,
  model: string,
  examples: readonly unknown[],
): Promise<RunSettings> {
  return {
    "--model": await baseModelHash(model),
    "--tokenizer": tokenizerHash(model),
    "--data": createHash("sha256").update(JSON.stringify(examples, idsAlone)).digest("hex"),
    "--lora-r": lora?.r ?? null,
    "--lora-alpha": lora?.loraAlpha ?? null,
    "--lora-dropout": lora?.loraDropout ?? null,
    "--target-modules": lora?.targetModules.join(",") ?? null,
    "--batch-size": plan.batchSize,
    "--micro-batch-size": plan.microBatchSize,
    "--learning-rate": plan.optimizer.learningRate,
    "--schedule": flags.schedule,
    "--steps": flags.schedule === "linear" ? plan.steps : null,
    "--warmup-steps": flags.warmupSteps,
    "--optimizer": flags.optimizer,
    "--weight-decay": flags.weightDecay,
    "--max-grad-norm": flags.maxGradNorm,
    "--seed": flags.seed,
  };
}

/** A text that is nothing but its token ids counts as these: runs of versions whose texts had no types go on. */
function idsAlone(_: string, part: unknown): unknown {
  const fields = typeof part === "object" && part !== null ? Object.entries(part) : [];
  return fields.length === 1 && fields[0]![0] === "ids" ? fields[0]![1] : part;
}

/** Numbers in the weights of a model folder. */
function countWeights(folder: string): number {
  using checkpoint = openCheckpoint(folder);
  return checkpoint.keys()
    .map((key) => checkpoint.info(key).dims.reduce((n, size) => n * size, 1))
    .reduce((sum, n) => sum + n, 0);
}
