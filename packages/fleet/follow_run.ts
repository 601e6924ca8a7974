import { delay, retry } from "@decorum/async";
import type { RpcClient, trainerService, trainerV1 } from "@decorum/rpc";
import { isTransient } from "./waiting.ts";

/** A client of the trainer. */
export type TrainerClient = Pick<
  RpcClient<typeof trainerService>,
  "getRun" | "startRun" | "watchMetrics"
>;

export interface FollowOptions {
  readonly signal?: AbortSignal;
  /**
   * With it, restarts of the trainer are waited for, up to a minute, and the run is resumed from its last checkpoint;
   * told what is waited for, and that the run was resumed.
   */
  readonly throughRestarts?: (message: string) => void;
}

/** Pauses while a trainer is away: a minute in all. */
const AWAY = { attempts: 60, backoff: { firstMs: 1000, longestMs: 1000 } };

const ended: readonly trainerV1.Run__Output["state"][] = [
  ...["RUN_STATE_SUCCEEDED", "RUN_STATE_FAILED", "RUN_STATE_STOPPED"] as const,
  "RUN_STATE_INTERRUPTED",
];

/**
 * Follows a run to its end: its steps from the first on, changes of state and messages, each step once.
 *
 * @returns the run as it ended
 * @throws RpcError of the trainer
 */
export async function* followRun(
  trainer: TrainerClient,
  runId: string,
  { signal, throughRestarts: say }: FollowOptions = {},
): AsyncGenerator<trainerV1.WatchMetricsResponse__Output, trainerV1.Run__Output> {
  const options = signal ? { signal } : {};
  for (let fromStep = 1;;) {
    try {
      for await (const event of trainer.watchMetrics({ runId, fromStep }, options)) {
        if (event.step > 0) fromStep = event.step + 1;
        yield event;
      }
      const run = await describeRun(trainer, runId);
      const interrupted = run.state === "RUN_STATE_INTERRUPTED";
      if (ended.includes(run.state) && !(interrupted && say)) return run;
    } catch (error) {
      if (!say || !isTransient(error)) throw error;
    }
    await delay(AWAY.backoff.firstMs, signal);
    if (say) await resumeInterrupted(trainer, runId, say, signal);
  }
}

/** The run as the trainer has it now. */
export async function describeRun(
  trainer: Pick<TrainerClient, "getRun">,
  runId: string,
): Promise<trainerV1.Run__Output> {
  const { run } = await trainer.getRun({ runId });
  if (!run) throw new Error(`internal: the trainer does not describe run ${runId}`);
  return run;
}

async function resumeInterrupted(
  trainer: TrainerClient,
  runId: string,
  say: (message: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const resume = async () => {
    const { state, checkpointStep } = await describeRun(trainer, runId);
    if (state !== "RUN_STATE_INTERRUPTED") return;
    await trainer.startRun({ runId, resume: true });
    say(`its trainer has started again: run ${runId} is resumed from step ${checkpointStep}`);
  };
  await retry(resume, {
    ...AWAY,
    signal,
    mayPass(error, tries) {
      if (!isTransient(error)) return false;
      if (tries === 1) say(`waiting for the trainer: ${(error as Error).message}`);
      return true;
    },
  });
}
