import { lockFile, tryLockFile } from "@decorum/async";
import {
  configDifferences,
  ConfigError,
  continuing,
  decisive,
  recordedRunConfig,
} from "@decorum/settings";
import { exitCodes } from "@decorum/service";
import { withPinsOf } from "./run_inputs.ts";
import type { Trainer } from "./trainer.ts";

/**
 * Starts a run, or resumes it from its last checkpoint, and follows it to its end: what a process does that exists
 * for one run, and may be started again at any time.
 *
 * A run that another trainer still holds, as one that is being ended, is waited for.
 *
 * @param stopping aborted when the process is to end
 * @returns the exit code: `drained` when the run took all its steps or was stopped, `failed`, or `interrupted`
 * @throws ConfigError when the run on record has another configuration
 */
export async function theOnlyRun(
  trainer: Trainer,
  runId: string,
  stopping: AbortSignal,
): Promise<number> {
  const { config, logger } = trainer.options;
  const known = trainer.store.run(runId);
  if (known) {
    const recorded = recordedRunConfig(known.configJson);
    const named = continuing(known.configJson, config);
    const wanted = withPinsOf(recorded, named);
    const changed = configDifferences(decisive(recorded), decisive(wanted));
    if (changed.length > 0) {
      throw new ConfigError([
        `trainer.run is "${runId}", which ${trainer.store.folder} has with another configuration: ` +
        `${changed.join(", ")} differ; expected the same, or another name for a new run`,
      ]);
    }
    if (known.state === "SUCCEEDED") {
      logger.info("the run has taken all its steps already", { run_id: runId });
      return exitCodes.drained;
    }
    await freed(trainer, runId, stopping);
  }
  if (stopping.aborted) return exitCodes.interrupted;
  await trainer.start({ runId, configJson: "", resume: known !== undefined });
  if (stopping.aborted) trainer.interrupt();
  const { state, message } = await trainer.ended();
  if (state === "INTERRUPTED") return exitCodes.interrupted;
  if (state !== "FAILED") return exitCodes.drained;
  logger.error("the run failed, and the process ends with it", { run_id: runId, message });
  return exitCodes.failed;
}

/** Waits while another trainer holds the run. */
async function freed(trainer: Trainer, runId: string, stopping: AbortSignal): Promise<void> {
  const path = trainer.lockOf(runId);
  using free = tryLockFile(path);
  if (free) return;
  trainer.options.logger.warn("another trainer holds the run; waiting", { run_id: runId });
  try {
    using _ = await lockFile(path, stopping);
  } catch (error) {
    if (!stopping.aborted) throw error;
  }
}
