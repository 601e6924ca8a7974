import type { RpcClient, trainerService, trainerV1 } from "@decorum/rpc";
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

const ended = new Set(["RUN_STATE_SUCCEEDED", "RUN_STATE_FAILED", "RUN_STATE_STOPPED"]);

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
    for await (const event of trainer.watchMetrics({ runId }, signal ? { signal } : {})) {
      if (event.message !== "") progress.say(event.message);
      for (const [name, value] of Object.entries(event.metrics)) {
        const points = history.get(name) ?? [];
        points.push({ step: event.step, value });
        history.set(name, points);
      }
      if (Object.keys(event.metrics).length > 0) {
        progress.update(event.step, details(event.metrics));
      }
      if (ended.has(event.state)) break;
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
