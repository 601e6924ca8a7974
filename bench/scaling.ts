import { availableParallelism } from "node:os";
import { adapterShapes, baseModelHash, openPolicyModel, valueHeadShapes } from "@decorum/models";
import { createMetrics } from "@decorum/telemetry";
import { float32 } from "@decorum/tensor";
import type { GenerationRequest } from "@decorum/algorithms";
import { rollout } from "../services/trainer/step/rollout.ts";
import { Policies, type Waiting, weightsImage } from "@decorum/fleet";
import { spawnPolicy } from "../services/policy/testing/fixture.ts";
import { delayedPolicy, type InFlight } from "./delayed_policy.ts";
import { randomT5, type T5Size } from "./random_t5.ts";
import { median, seconds } from "./stats.ts";

export interface ScalingOptions {
  /** Milliseconds that the simulated generation of a group takes. */
  readonly delay: number;
  /** Groups of a step. */
  readonly groups: number;
  readonly rounds: number;
  /** Numbers of policies. */
  readonly replicas: readonly number[];
}

export interface ScalingRow {
  readonly replicas: number;
  readonly median_s: number;
  readonly groups_per_s: number;
  /** Throughput over that of the first row. */
  readonly times: number;
}

export interface SimulatedRow extends ScalingRow {
  /** Most groups that were at policies at once. */
  readonly in_flight: number;
}

const lora = { r: 4, loraAlpha: 8, loraDropout: 0, targetModules: ["q", "v"] };
const waiting: Waiting = {
  stop: new AbortController().signal,
  cancel: new AbortController().signal,
  say: (message) => console.error(message),
};

/** The trainer's own rollouts of one step, on policies that only wait. */
export async function benchScaling(options: ScalingOptions): Promise<SimulatedRow[]> {
  const rows: SimulatedRow[] = [];
  for (const replicas of options.replicas) {
    await using all = new AsyncDisposableStack();
    const inFlight: InFlight = { now: 0, most: 0 };
    const addresses: string[] = [];
    for (let i = 0; i < replicas; i++) {
      addresses.push(all.use(await delayedPolicy(options.delay, inFlight)).address);
    }
    const image = weightsImage("bench", 1, new Map([["w", float32([1], [1])]]), lora);
    const times = await timeRollouts(addresses, image, groupsOf(options.groups, 8, 8, 64), options);
    rows.push({ ...rowOf(replicas, times, options.groups, rows[0]), in_flight: inFlight.most });
  }
  return rows;
}

/** The same with real policies, a process and a thread each, and a T5 with random weights. */
export async function benchRealScaling(
  options: Omit<ScalingOptions, "delay"> & { readonly size: T5Size; readonly cache: string },
): Promise<ScalingRow[]> {
  const rows: ScalingRow[] = [];
  const model = randomT5(options.cache, options.size);
  const hash = await baseModelHash(model);
  const { layers, config: { hidden_size } } = openPolicyModel(model);
  const shapes = new Map([...adapterShapes(lora, layers), ...valueHeadShapes(hidden_size)]);
  const tensors = [...shapes].map(([name, dims]) => {
    const zeros = new Float32Array(dims.reduce((product, dim) => product * dim, 1));
    return [name, float32(dims, zeros)] as const;
  });
  const image = weightsImage("bench", 1, new Map(tensors), lora);
  for (const replicas of options.replicas) {
    await using all = new AsyncDisposableStack();
    const addresses: string[] = [];
    for (let i = 0; i < replicas; i++) {
      const policy = all.use(spawnPolicy(
        ...["policy.listen=127.0.0.1:0", `model.name_or_path=${model}`, "policy.threads=1"],
        `model.lora=${
          JSON.stringify({ r: 4, lora_alpha: 8, lora_dropout: 0, target_modules: ["q", "v"] })
        }`,
        "telemetry.log_level=warn",
      ));
      addresses.push(await policy.ready);
    }
    const groups = groupsOf(options.groups, 4, 64, 16);
    const times = await timeRollouts(addresses, image, groups, options, hash);
    rows.push(rowOf(replicas, times, options.groups, rows[0]));
  }
  return rows;
}

/** Seconds of the trainer's rollout, round by round, after one that does not count. */
async function timeRollouts(
  addresses: readonly string[],
  image: ReturnType<typeof weightsImage>,
  groups: readonly (readonly GenerationRequest[])[],
  { rounds }: { readonly rounds: number },
  hash = "",
): Promise<number[]> {
  const metrics = createMetrics({ service: "trainer", version: "bench" });
  using policies = new Policies({ addresses, security: () => ({}), metrics }, hash);
  await policies.publish(image, waiting);
  const sampling = {
    ...{ temperature: 1, top_k: 0, top_p: 1 },
    ...{ min_new_tokens: 0, max_new_tokens: 1024 },
  };
  const drawn = { sampling, seed: 1, values: true, sharePrompts: false };
  const once = () => rollout(policies, groups, drawn, waiting);
  await once();
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) times.push(await seconds(once));
  return times;
}

function groupsOf(
  count: number,
  size: number,
  query: number,
  response: number,
): GenerationRequest[][] {
  const ids = Array.from({ length: query }, (_, i) => 2 + i % 50);
  return Array.from(
    { length: count },
    (_, g) =>
      Array.from({ length: size }, (_, i) => ({ key: `${g}/${i}`, ids, maxNewTokens: response })),
  );
}

function rowOf(
  replicas: number,
  times: readonly number[],
  groups: number,
  first: ScalingRow | undefined,
): ScalingRow {
  const time = median(times);
  return {
    replicas,
    median_s: time,
    groups_per_s: groups / time,
    times: (first?.median_s ?? time) / time,
  };
}

/** Processors that there are, for those who read the figures. */
export const processors: number = availableParallelism();
