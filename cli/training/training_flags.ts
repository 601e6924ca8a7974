import { existsSync, statSync } from "node:fs";
import {
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
} from "../flags.ts";

/** Options that both small trainers have. */
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
  data: flag("--data <file>", "the examples: .jsonl, or .csv with a header row", dataFile),
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
  full: flag("--full", "train all weights (default: up to 100 million of them)", toggle),
  loraR: flag(
    "--lora-r <n>",
    "train a LoRA adapter of this rank (default: 32)",
    positiveCount.optional(),
  ),
  loraAlpha: flag(
    "--lora-alpha <x>",
    "lora_alpha: its scale times the rank (default: the rank)",
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
} as const;

export type TrainingFlags = FlagValues<typeof trainingFlags>;

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
}

/** Adds a problem unless a file or folder is there. */
export function checkPath(
  option: string,
  path: string,
  kind: "file" | "folder",
  problems: Problems,
): void {
  const found = existsSync(path) ? statSync(path) : undefined;
  if (found !== undefined && (kind === "folder") === found.isDirectory()) return;
  problems.add(
    `${option} is "${path}": ${found ? `this is no ${kind}` : `there is no such ${kind}`}`,
  );
}
