import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import {
  type LinearLayers,
  type LoraConfig,
  readPeftAdapter,
  writePeftAdapter,
} from "@decorum/models";
import type { Params } from "@decorum/optim";
import {
  InputError,
  isLeftover,
  readSafetensors,
  readSafetensorsHeader,
  replaceFolder,
  type Tensor,
  writeSafetensors,
} from "@decorum/tensor";
import { inOrderOf, stateFromTensors, stateToTensors, withoutValueHead } from "./learner_state.ts";
import type { TrainState } from "./optimizer.ts";

/** What a run continues from. */
export interface CheckpointContents {
  readonly train: TrainState;
  /** What the run knows besides, as JSON. */
  readonly info: Readonly<Record<string, unknown>>;
  /** Other values of the same parameters, by name. */
  readonly others?: Readonly<Record<string, Params>>;
}

/** A checkpoint that was written. */
export interface WrittenCheckpoint {
  readonly step: number;
  readonly path: string;
  readonly bytes: number;
}

const FORMAT = 1;
const NAME = /^step-(\d{6,})$/;
const STATE = "state.json";
const TRAINED = "adapter";
const OPTIMIZER = "optimizer.safetensors";
/** Where all weights are trained: they lie in `<name>.safetensors` in the place of an adapter's folder. */
const WEIGHTS = ".safetensors";
/** All that `decorum sft` and `reward-train` wrote before they wrote folders. */
const OLD_FILE = "state.safetensors";

/**
 * Writes `step-NNNNNN` into `folder`, whole or not at all. One of that step is replaced. It holds `state.json`, `adapter/` as PEFT has it (or `adapter.safetensors`
 * with all weights), the same of each of `others`, and `optimizer.safetensors`.
 *
 * @param model.base named in the adapter's `base_model_name_or_path`
 * @throws Error naming the folder; what was there is as it was
 */
export function writeCheckpoint(
  folder: string,
  step: number,
  { train, info, others = {} }: CheckpointContents,
  model: { readonly lora: LoraConfig | undefined; readonly base: string },
): WrittenCheckpoint {
  const name = checkpointName(step);
  const path = join(folder, name);
  try {
    const bytes = replaceFolder(path, STATE, (temporary) => {
      for (const [part, params] of Object.entries({ [TRAINED]: train.params, ...others })) {
        writeParams(join(temporary, part), params, model);
      }
      const tensors = [...stateToTensors({ train, reference: undefined })];
      writeSafetensors(
        join(temporary, OPTIMIZER),
        new Map(tensors.filter(([key]) => !key.startsWith("param."))),
      );
      const json = JSON.stringify({ format: FORMAT, ...info }, null, 2);
      writeFileSync(join(temporary, STATE), json + "\n");
    });
    return { step, path, bytes };
  } catch (cause) {
    const last = newestCheckpoint(folder);
    throw new Error(
      `Cannot write checkpoint ${path}: ${(cause as Error).message}. ` +
        (last === undefined
          ? "The run has none yet"
          : `The last good one is ${basename(last)}, and it is whole`) +
        "; make room on the disk, then resume the run",
      { cause },
    );
  }
}

/**
 * Reads a checkpoint: a folder that {@link writeCheckpoint} wrote, or the one file of older versions.
 *
 * @param like parameters of the session that continues
 * @param layers of its model
 * @throws InputError naming the file, when it is damaged, or of another model or adapter
 */
export function readCheckpoint(
  path: string,
  like: Params,
  layers: LinearLayers,
): Required<CheckpointContents> {
  if (path.endsWith(OLD_FILE)) {
    const settings: unknown = JSON.parse(readSafetensorsHeader(path).metadata["settings"] ?? "{}");
    const { train } = stateFromTensors(readSafetensors(path), like);
    return { train, info: { settings }, others: {} };
  }
  const { format, ...info } = readInfo(join(path, STATE));
  if (format !== FORMAT) {
    throw new InputError(
      `Cannot resume from ${path}: ${STATE} has format ${format}, this version reads ${FORMAT}; resume with the version that wrote it`,
    );
  }
  const tensors = readSafetensors(join(path, OPTIMIZER));
  for (const [key, value] of readParams(join(path, TRAINED), layers)) {
    tensors.set(`param.${key}`, value);
  }
  const { train } = stateFromTensors(tensors, like);
  const parts = readdirSync(path).map((name) => name.replace(WEIGHTS, ""))
    .filter((part) => ![STATE, TRAINED, OPTIMIZER.replace(WEIGHTS, "")].includes(part));
  const others = parts.map((part) => {
    const file = join(path, part);
    return [part, inOrderOf(like, readParams(file, layers), `parameters of ${file}`)] as const;
  });
  return { train, info, others: Object.fromEntries(others) };
}

/** The newest checkpoint in a folder. */
export function newestCheckpoint(folder: string): string | undefined {
  const step = checkpointSteps(folder).at(-1);
  if (step !== undefined) return join(folder, checkpointName(step));
  const old = join(folder, OLD_FILE);
  return existsSync(old) ? old : undefined;
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

/** Removes all but the newest `keep` checkpoints, and what killed processes and older versions left. */
export function pruneCheckpoints(folder: string, keep: number): void {
  const steps = checkpointSteps(folder);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const gone = [
    ...steps.slice(0, -keep).map(checkpointName),
    ...names.filter(isLeftover),
    ...names.filter((name) => steps.length > 0 && name === OLD_FILE),
  ];
  for (const name of gone) rmSync(join(folder, name), { recursive: true });
}

function writeParams(
  path: string,
  params: Params,
  { lora, base }: { readonly lora: LoraConfig | undefined; readonly base: string },
): void {
  if (!lora) return writeSafetensors(path + WEIGHTS, params);
  const parameters = withoutValueHead(params);
  const head = new Map([...params].filter(([name]) => !parameters.has(name)));
  const valueHead = head.size > 0 ? { valueHead: head } : {};
  writePeftAdapter(path, { config: lora, parameters, ...valueHead }, { base });
}

function readParams(path: string, layers: LinearLayers): ReadonlyMap<string, Tensor> {
  if (!existsSync(path)) return readSafetensors(path + WEIGHTS);
  const { parameters, valueHead } = readPeftAdapter(path, layers);
  return new Map([...parameters, ...(valueHead ?? [])]);
}

function readInfo(file: string): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  } catch (cause) {
    throw new InputError(`Cannot resume from ${file}: ${(cause as Error).message}`, { cause });
  }
}
