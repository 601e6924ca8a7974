import { type RpcClient, RpcError, type trainerService, type trainerV1 } from "@decorum/rpc";
import { startProgress } from "./progress.ts";
import type { MetricHistory } from "./report/html.ts";

type TrainerClient = RpcClient<typeof trainerService>;

/** How a watched run ended, and what it measured on the way. */
export interface WatchedRun {
  readonly run: trainerV1.Run__Output;
  readonly history: MetricHistory;
}

/** Metrics shown behind the progress bar: label, name, digits. */
const shown: readonly (readonly [string, string, number])[] = [
  ["reward", "ppo/mean_scores", 3],
  ["KL", "objective/kl", 2],
  ["toxicity", "env/toxicity", 3],
  ["tokens/s", "time/tokens_per_second", 0],
];

/**
 * Follows a run to its end with a progress bar.
 *
 * @throws Error with the run's own message when it fails.
 */
export async function watchRun(
  trainer: TrainerClient,
  runId: string,
  signal?: AbortSignal,
): Promise<WatchedRun> {
  const history = new Map<string, { step: number; value: number }[]>();
  const first = await describe(trainer, runId);
  const progress = startProgress(`run ${runId}`, first.totalSteps);
  try {
    for await (
      const event of trainer.watchMetrics({ runId, fromStep: 1 }, signal ? { signal } : {})
    ) {
      if (event.message !== "") progress.say(event.message);
      for (const [name, value] of Object.entries(event.metrics)) {
        const points = history.get(name) ?? [];
        points.push({ step: event.step, value });
        history.set(name, points);
      }
      if (Object.keys(event.metrics).length > 0) {
        progress.update(event.step, details(event.metrics));
      }
    }
  } finally {
    progress.stop();
  }
  const run = await describe(trainer, runId);
  if (run.state === "RUN_STATE_FAILED") {
    throw new Error(`Run ${runId} failed at step ${run.step}: ${run.message}`);
  }
  return { run, history };
}

/** Times in a row that a trainer is asked for, a second between two, before it is given up. */
const MOST_TRIES = 60;

/**
 * As {@link watchRun}, through restarts of the trainer: one that began anew is told to go on with the run from its
 * last checkpoint.
 */
export async function watchPersistently(
  trainer: TrainerClient,
  runId: string,
): Promise<WatchedRun> {
  for (let tries = 0;; tries++) {
    try {
      const { state, checkpointStep } = await describe(trainer, runId);
      if (state === "RUN_STATE_INTERRUPTED") {
        await trainer.startRun({ runId, resume: true });
        console.error(`run ${runId} goes on from step ${checkpointStep}: its trainer began anew`);
        tries = 0;
      }
      const watched = await watchRun(trainer, runId);
      if (watched.run.state !== "RUN_STATE_INTERRUPTED") return watched;
    } catch (error) {
      const away = error instanceof RpcError && ["UNAVAILABLE", "CANCELLED"].includes(error.code);
      if (!away || tries === MOST_TRIES) throw error;
      if (tries === 0) console.error(`waiting for the trainer: ${error.message}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function describe(trainer: TrainerClient, runId: string): Promise<trainerV1.Run__Output> {
  const { run } = await trainer.getRun({ runId });
  if (!run) throw new Error(`internal: the trainer does not describe run ${runId}`);
  return run;
}

function details(metrics: Readonly<Record<string, number>>): string {
  return shown.flatMap(([label, name, digits]) => {
    const value = metrics[name];
    return value === undefined ? [] : [`${label} ${value.toFixed(digits)}`];
  }).join("  ");
}
