import { randomUUID } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type LearnerState, stateFromTensors, stateToTensors } from "@decorum/learning";
import {
  type LinearLayers,
  type LoraConfig,
  type PeftAdapter,
  readPeftAdapter,
  writePeftAdapter,
} from "@decorum/models";
import type { KlController, RunningMoments } from "@decorum/algorithms";
import type { Params } from "@decorum/optim";
import { InputError, readSafetensors, writeSafetensors } from "@decorum/tensor";

/** What is known between two steps, besides the learner's state. */
export interface Progress {
  /** Steps done. The data position and all random streams follow from it. */
  readonly step: number;
  readonly klController: KlController;
  readonly moments: RunningMoments;
  /** Version of the classifier that scored last; empty before the first step. */
  readonly rewardVersion: string;
}

/** A checkpoint that was written. */
export interface WrittenCheckpoint {
  readonly step: number;
  readonly path: string;
  readonly bytes: number;
}

export interface CheckpointContents {
  readonly runId: string;
  readonly configHash: string;
  readonly progress: Progress;
  readonly learner: LearnerState;
  /** Weights that the next step's rollouts are made by, where they are not the learner's; see `Batches`. */
  readonly generator?: Params | undefined;
  readonly lora: LoraConfig;
  /** Named in the adapter's `base_model_name_or_path`. */
  readonly base: string;
}

const NAME = /^step-(\d{6,})$/;
const STATE = "state.json";
const GENERATOR = "generator";
const OPTIMIZER = "optimizer.safetensors";

const count = z.int().nonnegative();
const stateSchema = z.strictObject({
  format: z.literal(1),
  run_id: z.string(),
  config_hash: z.string(),
  step: count,
  /** Version that was made of these weights; it follows from the step, and is for people. */
  weights_version: count,
  kl_controller: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("fixed"), value: z.number() }),
    z.strictObject({
      kind: z.literal("adaptive"),
      value: z.number(),
      target: z.number(),
      horizon: z.number(),
    }),
  ]),
  moments: z.strictObject({ mean: z.number(), var: z.number(), count }),
  reward_version: z.string(),
});

/**
 * Writes `step-NNNNNN` into `folder`, whole or not at all: into a temporary folder, flushed to the disk, then
 * renamed. One of that step is replaced.
 *
 * @throws Error naming the folder; what was there is as it was
 */
export function writeCheckpoint(folder: string, contents: CheckpointContents): WrittenCheckpoint {
  const { progress, learner, generator, lora, base } = contents;
  const name = checkpointName(progress.step);
  const path = join(folder, name);
  const temporary = join(folder, `.${name}.${randomUUID()}.tmp`);
  try {
    mkdirSync(temporary, { recursive: true });
    writePeftAdapter(join(temporary, "adapter"), adapterOf(learner.train.params, lora), { base });
    if (generator) {
      writePeftAdapter(join(temporary, GENERATOR), adapterOf(generator, lora), { base });
    }
    // Parameters lie in the adapter's files, the reference in the run's own folder.
    const tensors = [...stateToTensors(learner)].filter(([key]) =>
      !/^(param|reference)\./.test(key)
    );
    writeSafetensors(join(temporary, OPTIMIZER), new Map(tensors));
    writeFileSync(join(temporary, STATE), stateJson(contents));
    const bytes = flush(temporary);
    putInPlace(temporary, path);
    flushFolder(folder);
    return { step: progress.step, path, bytes };
  } catch (cause) {
    rmSync(temporary, { recursive: true, force: true });
    const last = checkpointSteps(folder).at(-1);
    throw new Error(
      `Cannot write checkpoint ${path}: ${(cause as Error).message}. ` +
        (last === undefined
          ? "The run has none yet"
          : `The last good one is ${checkpointName(last)}, and it is whole`) +
        "; make room on the disk (or lower checkpoint.keep), then resume the run",
      { cause },
    );
  }
}

/**
 * Reads a checkpoint.
 *
 * @param like a state of the learner that goes on
 * @throws Error or InputError naming the file, when it is damaged, or of another run
 */
export function readCheckpoint(
  path: string,
  expected: { readonly runId: string; readonly configHash: string; readonly layers: LinearLayers },
  like: LearnerState,
): Pick<CheckpointContents, "progress" | "learner" | "generator"> {
  const file = join(path, STATE);
  const parsed = stateSchema.safeParse(JSON.parse(readFileSync(file, "utf8")));
  if (!parsed.success) {
    throw new InputError(`Cannot resume from ${file}: ${z.prettifyError(parsed.error)}`);
  }
  const state = parsed.data;
  for (
    const [field, found, wanted] of [
      ["run_id", state.run_id, expected.runId],
      ["config_hash", state.config_hash, expected.configHash],
    ]
  ) {
    if (found === wanted) continue;
    throw new InputError(`Cannot resume from ${file}: ${field} is ${found}, the run has ${wanted}`);
  }
  const parametersOf = (name: string): Params => {
    const { parameters, valueHead } = readPeftAdapter(join(path, name), expected.layers);
    return new Map([...parameters, ...(valueHead ?? [])]);
  };
  const tensors = readSafetensors(join(path, OPTIMIZER));
  for (const [key, value] of parametersOf("adapter")) tensors.set(`param.${key}`, value);
  const { train } = stateFromTensors(tensors, like.train.params);
  return {
    progress: {
      step: state.step,
      klController: state.kl_controller,
      moments: state.moments,
      rewardVersion: state.reward_version,
    },
    learner: { train, reference: like.reference },
    ...(existsSync(join(path, GENERATOR))
      ? { generator: inOrderOf(train.params, parametersOf(GENERATOR)) }
      : {}),
  };
}

/** Parameters as PEFT keeps them, the value head beside them. */
function adapterOf(params: Params, config: LoraConfig): PeftAdapter {
  const part = (head: boolean) =>
    new Map([...params].filter(([key]) => key.startsWith("v_head.") === head));
  const [parameters, valueHead] = [part(false), part(true)];
  return { config, parameters, ...(valueHead.size > 0 ? { valueHead } : {}) };
}

/** The same parameters in the order of others: a push names them in theirs. */
function inOrderOf(order: Params, params: Params): Params {
  return new Map([...order.keys()].map((key) => [key, params.get(key)!]));
}

/** Steps of the checkpoints in a folder, ascending; leftovers of a killed process do not count. */
export function checkpointSteps(folder: string): number[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const step = NAME.exec(name)?.[1];
    return step !== undefined && existsSync(join(folder, name, STATE)) ? [Number(step)] : [];
  }).sort((a, b) => a - b);
}

/** Folder of a step's checkpoint: "step-000010". */
export function checkpointName(step: number): string {
  return `step-${`${step}`.padStart(6, "0")}`;
}

/** Removes all but the newest `keep` checkpoints, and what killed processes left. */
export function pruneCheckpoints(folder: string, keep: number): void {
  for (const step of checkpointSteps(folder).slice(0, -keep)) {
    rmSync(join(folder, checkpointName(step)), { recursive: true });
  }
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (/^\..*\.(tmp|old)$/.test(name)) rmSync(join(folder, name), { recursive: true });
  }
}

function stateJson({ runId, configHash, progress }: CheckpointContents): string {
  const state: z.infer<typeof stateSchema> = {
    format: 1,
    run_id: runId,
    config_hash: configHash,
    step: progress.step,
    weights_version: progress.step + 1,
    kl_controller: progress.klController,
    moments: progress.moments,
    reward_version: progress.rewardVersion,
  };
  return JSON.stringify(state, null, 2) + "\n";
}

function putInPlace(temporary: string, path: string): void {
  if (!existsSync(path)) return renameSync(temporary, path);
  const old = temporary.replace(/\.tmp$/, ".old");
  renameSync(path, old);
  try {
    renameSync(temporary, path);
  } catch (error) {
    renameSync(old, path);
    throw error;
  }
  rmSync(old, { recursive: true });
}

/** Flushes all files of a folder to the disk. @returns their bytes */
function flush(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += flush(path);
    else {
      const file = openSync(path, "r+");
      try {
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      bytes += statSync(path).size;
    }
  }
  flushFolder(folder);
  return bytes;
}

function flushFolder(folder: string): void {
  const file = openSync(folder, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
