import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { ConfigError } from "@decorum/settings";
import { type LearnerState, stateFromTensors, stateToTensors } from "@decorum/learning";
import type { Params } from "@decorum/optim";
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from "@decorum/tensor";
import type { Problems } from "../flags.ts";

/** What decides a run's results, by the option that sets it. */
export type RunSettings = Readonly<Record<string, string | number | boolean | null>>;

/** The checkpoint of a run whose output folder is `out`. */
export function checkpointFile(out: string): string {
  return join(out, "checkpoint", "state.safetensors");
}

/** An output folder holds one run: a new one takes a new folder, and `--resume` needs a checkpoint. */
export function checkRunFolder(
  { out, resume }: { readonly out?: string; readonly resume?: boolean },
  problems: Problems,
): void {
  if (out === undefined) return;
  const file = checkpointFile(out);
  if (existsSync(file) === (resume ?? false)) return;
  problems.add(
    resume
      ? `--resume: there is no checkpoint ${file}; leave it out to begin, or name the run's folder as --out`
      : `--out is "${out}": it holds a run; go on with it by --resume, or name another folder`,
  );
}

/** Writes the state whole or not at all: whatever ends the process, the file is the last or the one before. */
export function writeCheckpoint(out: string, state: LearnerState, settings: RunSettings): void {
  const file = checkpointFile(out);
  mkdirSync(dirname(file), { recursive: true });
  writeSafetensors(file, stateToTensors(state), { settings: JSON.stringify(settings) });
}

/**
 * The state in a run's checkpoint.
 *
 * @param like parameters of the trainer that goes on
 * @throws ConfigError with every setting that is not that of the checkpoint's run; InputError for a file that is
 * no checkpoint
 */
export function readCheckpoint(out: string, settings: RunSettings, like: Params): LearnerState {
  const file = checkpointFile(out);
  const saved = JSON.parse(readSafetensorsHeader(file).metadata["settings"] ?? "{}") as RunSettings;
  const options = [...new Set([...Object.keys(settings), ...Object.keys(saved)])];
  const problems = options.filter((option) => settings[option] !== saved[option]).map((option) =>
    `${option} is ${show(settings[option])}: the run in ${out} has ${
      show(saved[option])
    }; give the same, or name another --out`
  );
  if (problems.length > 0) throw new ConfigError(problems);
  return stateFromTensors(readSafetensors(file), like);
}

function show(value: RunSettings[string] | undefined): string {
  return value === undefined || value === null ? "not given" : JSON.stringify(value);
}
