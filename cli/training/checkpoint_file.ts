import { join } from "node:path";
import {
  type LearningSession,
  type LearningTask,
  newestCheckpoint,
  pruneCheckpoints,
  readCheckpoint,
  writeCheckpoint,
} from "@decorum/learning";
import { ConfigError } from "@decorum/settings";
import type { Problems } from "../flags.ts";

/** What decides a run's results, by the option that sets it. */
export type RunSettings = Readonly<Record<string, string | number | boolean | null>>;

const checkpointsOf = (out: string) => join(out, "checkpoint");

/** An output folder holds one run: a new one takes a new folder, and `--resume` needs a checkpoint. */
export function checkRunFolder(
  { out, resume }: { readonly out?: string; readonly resume?: boolean },
  problems: Problems,
): void {
  if (out === undefined) return;
  const folder = checkpointsOf(out);
  if ((newestCheckpoint(folder) !== undefined) === (resume ?? false)) return;
  problems.add(
    resume
      ? `--resume: there is no checkpoint in ${folder}; leave it out to begin, or name the run's folder as --out`
      : `--out is "${out}": it holds a run; go on with it by --resume, or name another folder`,
  );
}

/** What training goes on from. */
type TrainedSession = Pick<LearningSession<unknown>, "steps" | "state" | "restore" | "params"> & {
  readonly task: Pick<LearningTask<unknown>, "lora" | "model">;
};

/** Writes a checkpoint, which replaces the one before. @param base folder of the model that training started from */
export function writeTrainingState(
  out: string,
  session: TrainedSession,
  settings: RunSettings,
  base: string,
): void {
  const folder = checkpointsOf(out);
  const contents = { train: session.state().train, info: { settings } };
  writeCheckpoint(folder, session.steps, contents, { lora: session.task.lora, base });
  pruneCheckpoints(folder, 1);
}

/**
 * Goes on from a run's checkpoint.
 *
 * @throws ConfigError with every setting that is not that of the checkpoint's run; InputError for a checkpoint of
 * another model
 */
export function restoreTrainingState(
  out: string,
  session: TrainedSession,
  settings: RunSettings,
): void {
  const path = newestCheckpoint(checkpointsOf(out));
  if (path === undefined) throw new Error(`internal: ${out} has no checkpoint`);
  const { info, train } = readCheckpoint(path, session.params, session.task.model.layers);
  const saved = (info["settings"] ?? {}) as RunSettings;
  const options = [...new Set([...Object.keys(settings), ...Object.keys(saved)])];
  const problems = options.filter((option) => settings[option] !== saved[option]).map((option) =>
    `${option} is ${show(settings[option])}: the run in ${out} has ${
      show(saved[option])
    }; give the same, or name another --out`
  );
  if (problems.length > 0) throw new ConfigError(problems);
  session.restore({ ...session.state(), train });
}

function show(value: RunSettings[string] | undefined): string {
  return value === undefined || value === null ? "not given" : JSON.stringify(value);
}
