import { type Algorithm, type AlgorithmName, pageOf } from "@decorum/algorithms";
import { InputError } from "@decorum/tensor";
import {
  type Iteration,
  type IterationOptions,
  loopSettings,
  openIterations,
  type Times,
  timesOf,
} from "./iteration.ts";
import { openFloor } from "./iteration_floor.ts";
import { randomT5 } from "./random_t5.ts";
import { median, seconds } from "./stats.ts";

export interface SharedIterationOptions extends IterationOptions {
  readonly algorithm: Exclude<AlgorithmName, "ppo">;
  /** Responses to a prompt. */
  readonly numGenerations: number;
}

/** One way to do it. */
interface Way extends Times {
  /** Responses in one run of the learner. */
  readonly micro_batch: number;
  /** The matrix products of all parts alone, in this process, after each iteration. */
  readonly floor_s: number;
  /** floor_s / iteration_s, pair by pair. */
  readonly share_of_products_speed: number;
  /** Of trainer and policy together, the other way not being there. */
  readonly peak_rss_mb: number;
  /** Whether the learner had to compute the policy's log-probabilities again. */
  readonly recomputed: boolean;
}

export interface SharedIterationResult {
  /** A prompt is encoded once for all of its responses. */
  readonly shared: Way;
  /** Each response with its prompt. */
  readonly apart: Way;
  /** How many times as fast an iteration is, pair by pair. */
  readonly times_as_fast: number;
}

/** Iterations with prompts encoded once, beside the same with each response's prompt encoded, in turn. */
export async function benchSharedIteration(
  options: SharedIterationOptions,
): Promise<SharedIterationResult> {
  if (options.lengths !== "equal") {
    throw new InputError("Cannot compare ways with lengths that differ: expected --lengths equal");
  }
  // A run of all responses to a prompt has fewer positions than one of a few responses and as many prompts.
  const micro = Math.max(options.numGenerations, options.microBatch);
  const [shared, apart]: [Turn[], Turn[]] = [[], []];
  for (let round = 1; round <= options.rounds; round++) {
    shared.push(await turn({ ...options, microBatch: micro }, true));
    apart.push(await turn(options, false));
    const said = ({ seconds, floor_s }: Turn) =>
      `${seconds["iteration"]!.toFixed(1)} s, its products ${floor_s.toFixed(1)} s`;
    console.error(`round ${round}: ${said(shared.at(-1)!)}; apart ${said(apart.at(-1)!)}`);
  }
  return {
    shared: { micro_batch: micro, ...wayOf(shared) },
    apart: { micro_batch: options.microBatch, ...wayOf(apart) },
    times_as_fast: median(
      shared.map((run, i) => apart[i]!.seconds["iteration"]! / run.seconds["iteration"]!),
    ),
  };
}

/** One iteration of a way, nothing of the other being open. */
interface Turn extends Iteration {
  readonly floor_s: number;
  readonly peakRss: number;
}

async function turn(options: SharedIterationOptions, share: boolean): Promise<Turn> {
  const algorithm = algorithmOf(options, share);
  await using iterations = await openIterations(algorithm, options);
  await iterations.next();
  const iteration = await iterations.next();
  const peakRss = iterations.peakRss();
  await using floor = await openFloor(
    randomT5(options.cache, options.size),
    algorithm,
    options,
  );
  await floor.run();
  return { ...iteration, floor_s: await seconds(floor.run), peakRss };
}

function wayOf(turns: readonly Turn[]): Omit<Way, "micro_batch"> {
  return {
    ...timesOf(turns),
    floor_s: median(turns.map(({ floor_s }) => floor_s)),
    share_of_products_speed: median(
      turns.map(({ floor_s, seconds }) => floor_s / seconds["iteration"]!),
    ),
    peak_rss_mb: median(turns.map(({ peakRss }) => peakRss)) / 2 ** 20,
    recomputed: turns.some(({ recomputed }) => recomputed !== undefined),
  };
}

function algorithmOf(options: SharedIterationOptions, share_prompts: boolean): Algorithm {
  const { algorithm, numGenerations } = options;
  const own = {
    grpo: { num_generations: numGenerations, num_iterations: 1 },
    rloo: { rloo_k: numGenerations, num_iterations: 1 },
    online_dpo: {},
  };
  return pageOf(algorithm).open({
    ...{ ...loopSettings(options), ...own[algorithm], share_prompts },
  });
}
