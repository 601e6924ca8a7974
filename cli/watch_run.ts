import { describeRun, type FollowOptions, followRun, type TrainerClient } from "@decorum/fleet";
import type { trainerV1 } from "@decorum/rpc";
import { startProgress } from "./progress.ts";

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
 * @returns how it ended
 * @throws Error with the run's own message when it fails; else as `followRun`
 */
export async function watchRun(
  trainer: TrainerClient,
  runId: string,
  { throughRestarts = false }: { readonly throughRestarts?: boolean } = {},
): Promise<trainerV1.Run__Output> {
  const { totalSteps } = await describeRun(trainer, runId);
  const progress = startProgress(`run ${runId}`, totalSteps);
  const options: FollowOptions = throughRestarts ? { throughRestarts: progress.say } : {};
  try {
    const events = followRun(trainer, runId, options);
    let next = await events.next();
    for (; !next.done; next = await events.next()) {
      const { step, message, metrics } = next.value;
      if (message !== "") progress.say(message);
      if (Object.keys(metrics).length > 0) progress.update(step, details(metrics));
    }
    const run = next.value;
    if (run.state !== "RUN_STATE_FAILED") return run;
    throw new Error(`Run ${runId} failed at step ${run.step}: ${run.message}`);
  } finally {
    progress.stop();
  }
}

function details(metrics: Readonly<Record<string, number>>): string {
  return shown.flatMap(([label, name, digits]) => {
    const value = metrics[name];
    return value === undefined ? [] : [`${label} ${value.toFixed(digits)}`];
  }).join("  ");
}
