import { readFileSync } from "node:fs";
import {
  Learning,
  type Policy,
  ppo,
  type Prompt,
  type StageRunner,
  train,
  type TrainStep,
  type TrainTools,
} from "@decorum/algorithms";
import { Policies, type Waiting, weightsImage } from "@decorum/fleet";
import { baseModelHash, openPolicyModel } from "@decorum/models";
import { memoryUse } from "@decorum/runtime";
import { createMetrics } from "@decorum/telemetry";
import { permutation, randomKey } from "@decorum/tensor";
import { dataOrder } from "@decorum/text";
import { spawnPolicy } from "../services/policy/testing/fixture.ts";
import { rollout } from "../services/trainer/step/rollout.ts";
import { lora, openFloor } from "./iteration_floor.ts";
import { type PaddingWaste, paddingWaste } from "./padding_waste.ts";
import { randomT5, type T5Size } from "./random_t5.ts";
import { median, seconds } from "./stats.ts";
import { type TrlTimes, trlWays } from "./trl.ts";

/** Shape of an iteration; the defaults of the command line are the issue's. */
export interface IterationOptions {
  readonly size: T5Size;
  readonly threads: number;
  readonly batch: number;
  readonly query: number;
  readonly response: number;
  readonly miniBatch: number;
  /** Sequences of a run at most. */
  readonly microBatch: number;
  /** `dialogsum`: prompts of 60-300 tokens and responses of 20-120 instead. */
  readonly lengths: "equal" | "dialogsum";
  readonly rounds: number;
  /** Folder for the model with random weights. */
  readonly cache: string;
  /** TRL's script and the Python to run it with. */
  readonly peer?: string;
  readonly python?: string;
}

/** Seconds are medians over rounds. */
export interface IterationResult {
  /** Generation with log-probabilities and values, by the policy service. */
  readonly rollout_s: number;
  /** Forward pass under the frozen reference. */
  readonly reference_s: number;
  /** All mini-batches: gradients, clipping, Adam, statistics. */
  readonly update_s: number;
  /** Packing the weights and pushing them to the policy service. */
  readonly push_s: number;
  /** All of it, and the arithmetic between. */
  readonly iteration_s: number;
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

const RUN = "bench";
const SEED = 1;

const waiting: Waiting = {
  stop: new AbortController().signal,
  cancel: new AbortController().signal,
  say: (message) => console.error(message),
};

/** Prompts of random words, of the lengths asked for; the same in every run. */
function promptsOf({ lengths, batch, query }: IterationOptions, vocabulary: number): Prompt[] {
  let state = 12345;
  const random = () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) / 2 ** 23;
  };
  const between = (from: number, to: number) => from + Math.floor(random() * (to - from + 1));
  return Array.from({ length: batch }, () => {
    const length = lengths === "equal" ? query : between(60, 300);
    return { text: "", ids: Array.from({ length }, () => 3 + between(0, vocabulary - 32)) };
  });
}

function algorithmOf({ lengths, batch, response, miniBatch, microBatch }: IterationOptions) {
  const tokens = lengths === "equal"
    ? { min_new_tokens: response, max_new_tokens: response }
    : { min_new_tokens: 20, max_new_tokens: 120, length_sampler: { min: 20, max: 121 } };
  return ppo.open({
    ...{ batch_size: batch, mini_batch_size: miniBatch, micro_batch_size: microBatch },
    ...{ ppo_epochs: 1, steps: Number.MAX_SAFE_INTEGER, ...tokens },
  });
}

/** A policy in a process of its own, as the trainer calls it. */
function remotePolicy(address: string, baseModelHash: string): Policy & Disposable {
  const metrics = createMetrics({ service: "trainer", version: "bench" });
  const policies = new Policies(
    { addresses: [address], security: () => ({}), metrics },
    baseModelHash,
  );
  return {
    generate: (groups, settings) => rollout(policies, groups, settings, waiting),
    update: (parameters, step) =>
      policies.publish(weightsImage(RUN, step + 1, parameters, lora), waiting),
    [Symbol.dispose]: () => policies[Symbol.dispose](),
  };
}

/** A step, and the seconds of its parts. */
interface Iteration extends TrainStep {
  readonly seconds: Readonly<Record<string, number>>;
}

/** The loop's steps, timed. */
async function* timed(tools: TrainTools): AsyncGenerator<Iteration> {
  let spent: Record<string, number> = {};
  const stage: StageRunner = async (name, run) => {
    const start = performance.now();
    const result = await run();
    spent[name] = (spent[name] ?? 0) + (performance.now() - start) / 1000;
    return result;
  };
  let start = performance.now();
  for await (const step of train({ ...tools, stage })) {
    yield { ...step, seconds: { ...spent, iteration: (performance.now() - start) / 1000 } };
    spent = {};
    start = performance.now();
  }
}

/** PPO iterations as the trainer makes them, timed part by part, beside their matrix products and beside TRL. */
export async function benchPpoIteration(options: IterationOptions): Promise<IterationResult> {
  const { batch, threads, miniBatch } = options;
  const model = randomT5(options.cache, options.size);
  await using process = spawnPolicy(
    "policy.listen=127.0.0.1:0",
    `model.name_or_path=${model}`,
    `model.lora.r=${lora.r}`,
    `policy.threads=${threads}`,
    "telemetry.log_level=warn",
  );
  using policy = remotePolicy(await process.ready, await baseModelHash(model));
  await using learning = await Learning.open(algorithmOf(options), {
    ...{ model, lora, seed: SEED, runtime: { intraOpThreads: threads } },
  });
  const steps = timed({
    ...{ learning, policy, seed: SEED, groupSize: batch },
    prompts: promptsOf(options, openPolicyModel(model).config.vocab_size),
    order: dataOrder(batch, SEED),
    // The words mean nothing, so rewards do not read them.
    tokenizer: { decode: () => "", idToToken: () => undefined },
    rewards: {
      score: ({ pairs }) =>
        Promise.resolve({ results: pairs.map((_, i) => ({ score: 1 + 0.1 * i })), version: "" }),
    },
  });
  const iterate = async (): Promise<Iteration> => (await steps.next()).value;
  await iterate();
  const { batch: { prompts, rollouts } } = await iterate();
  const peakRss = memoryUse().peakRss + peakOf(process.pid);
  const sequences = prompts.map(({ ids }, i) => ({ query: ids, response: rollouts[i]!.response }));

  await using floor = options.lengths === "equal" ? await openFloor(model, options) : undefined;
  await floor?.run();
  const runs: (Iteration & { readonly floor_s: number })[] = [];
  const round = async () => {
    const ours = await iterate();
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
  const middle = (part: string) => median(runs.map(({ seconds }) => seconds[part]!));
  return {
    rollout_s: middle("rollout"),
    reference_s: middle("forward_pass"),
    update_s: middle("update.minibatch"),
    push_s: middle("push"),
    iteration_s: middle("iteration"),
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

/** Peak resident bytes of another process; 0 where the system does not say. */
function peakOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
