import { createHash } from "node:crypto";
import { ConfigError } from "@decorum/settings";
import {
  baseModelHash,
  type LinearLayers,
  type LoraConfig,
  targetLayers,
  tokenizerHash,
} from "@decorum/models";
import type { OptimizerOptions } from "@decorum/learning";
import { constantSchedule, linearSchedule } from "@decorum/optim";
import type { RunSettings } from "./checkpoint_file.ts";
import { countWeights } from "./start_model.ts";
import { loraFlags, type TrainingFlags } from "./training_flags.ts";

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
export interface TrainingPlan {
  readonly steps: number;
  readonly batchSize: number;
  readonly microBatchSize: number;
  readonly seed: number;
  readonly checkpointEvery: number;
  readonly optimizer: OptimizerOptions & { readonly learningRate: number };
}

/** @throws ConfigError when the examples do not fill a batch, or the warm-up is longer than the run */
export function planOf(
  flags: TrainingFlags,
  examples: number,
  lora: LoraConfig | undefined,
): TrainingPlan {
  const { batchSize, warmupSteps, schedule } = flags;
  const problems: string[] = [];
  if (examples < batchSize) {
    problems.push(`--batch-size is ${batchSize}: there are ${examples} examples to train on`);
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
    checkpointEvery: flags.checkpointEvery,
    optimizer: {
      algorithm: flags.optimizer,
      learningRate: flags.learningRate ?? (lora ? 1e-3 : 1e-4),
      eps: 1e-8,
      weightDecay: flags.weightDecay,
      maxGradNorm: flags.maxGradNorm,
      schedule: schedule === "linear"
        ? linearSchedule({ warmupSteps, totalSteps: steps })
        : constantSchedule({ warmupSteps }),
    },
  };
}

/** What must be the same for a run to go on bit for bit. A run on a constant schedule may be made longer. */
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
    "--data": createHash("sha256").update(JSON.stringify(examples)).digest("hex"),
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
