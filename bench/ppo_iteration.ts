import { ppo } from "@decorum/algorithms";
import { permutation, randomKey } from "@decorum/tensor";
import {
  type Iteration,
  type IterationOptions,
  loopSettings,
  openIterations,
  SEED,
  type Times,
  timesOf,
} from "./iteration.ts";
import { openFloor } from "./iteration_floor.ts";
import { type PaddingWaste, paddingWaste } from "./padding_waste.ts";
import { randomT5 } from "./random_t5.ts";
import { median, seconds } from "./stats.ts";
import { type TrlTimes, trlWays } from "./trl.ts";

export interface PpoIterationOptions extends IterationOptions {
  /** TRL's script and the Python to run it with. */
  readonly peer?: string;
  readonly python?: string;
}

export interface IterationResult extends Times {
  /** The matrix products of all parts alone, in this process, in turn with the iterations. */
  readonly floor_s?: number;
  /** floor_s / iteration_s, pair by pair. */
  readonly share_of_products_speed?: number;
  /** Of trainer and policy together, before the floor. */
  readonly peak_rss_mb: number;
  readonly padding_waste: PaddingWaste;
  /** Whether the learner had to compute the policy's log-probabilities and values again. */
  readonly recomputed: boolean;
  /** TRL's times, and how many times as fast this is: pairs of neighbours. */
  readonly peers?: readonly TrlTimes[];
}

/** PPO iterations as the trainer makes them, timed part by part, beside their matrix products and beside TRL. */
export async function benchPpoIteration(options: PpoIterationOptions): Promise<IterationResult> {
  const { batch, miniBatch } = options;
  const algorithm = ppo.open({ ...loopSettings(options), ppo_epochs: 1 });
  await using iterations = await openIterations(algorithm, options);
  await iterations.next();
  const { batch: { prompts, rollouts } } = await iterations.next();
  const peakRss = iterations.peakRss();
  const sequences = prompts.map(({ ids }, i) => ({ query: ids, response: rollouts[i]!.response }));

  await using floor = options.lengths === "equal"
    ? await openFloor(randomT5(options.cache, options.size), algorithm, options)
    : undefined;
  await floor?.run();
  const runs: (Iteration & { readonly floor_s: number })[] = [];
  const round = async () => {
    const ours = await iterations.next();
    const floor_s = floor ? await seconds(floor.run) : 0;
    runs.push({ ...ours, floor_s });
    const { iteration } = ours.seconds;
    console.error(
      `iteration ${runs.length}: ${iteration!.toFixed(1)} s, its products ${floor_s.toFixed(1)} s`,
    );
    return iteration!;
  };
  for (let i = 0; i < options.rounds; i++) await round();
  const { peer, python } = options;
  const peers = peer !== undefined && python !== undefined
    ? await trlWays({ ...options, peer, python }, round)
    : undefined;
  return {
    ...timesOf(runs),
    ...(floor
      ? {
        floor_s: median(runs.map(({ floor_s }) => floor_s)),
        share_of_products_speed: median(
          runs.map(({ floor_s, seconds }) => floor_s / seconds["iteration"]!),
        ),
      }
      : {}),
    peak_rss_mb: peakRss / 2 ** 20,
    padding_waste: paddingWaste(
      sequences,
      [...permutation(randomKey(SEED, "mini-batches"), batch)],
      miniBatch,
    ),
    recomputed: runs.some(({ recomputed }) => recomputed !== undefined),
    ...(peers ? { peers } : {}),
  };
}
