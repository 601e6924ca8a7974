import { readFileSync } from "node:fs";
import { Learning, ppo, type StageRunner } from "@decorum/algorithms";
import { openPolicyModel } from "@decorum/models";
import { createClient, policyService, type RpcClient } from "@decorum/rpc";
import { memoryUse } from "@decorum/runtime";
import { packWeights, pushWeights } from "@decorum/fleet";
import { spawnPolicy } from "../services/policy/testing/fixture.ts";
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

interface Prompt {
  readonly ids: number[];
  readonly newTokens: number;
}

/** Prompts of random words, of the lengths asked for; the same in every run. */
function promptsOf(options: IterationOptions, vocabulary: number): Prompt[] {
  let state = 12345;
  const random = () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) / 2 ** 23;
  };
  const between = (from: number, to: number) => from + Math.floor(random() * (to - from + 1));
  const equal = options.lengths === "equal";
  return Array.from({ length: options.batch }, () => {
    const length = equal ? options.query : between(60, 300);
    return {
      newTokens: equal ? options.response : between(20, 120),
      ids: Array.from({ length }, () => 3 + between(0, vocabulary - 32)),
    };
  });
}

/** One PPO iteration as the trainer makes it, timed part by part, beside its matrix products and beside TRL. */
export async function benchPpoIteration(options: IterationOptions): Promise<IterationResult> {
  const folder = randomT5(options.cache, options.size);
  const config = openPolicyModel(folder).config;
  const prompts = promptsOf(options, config.vocab_size);
  await using policy = spawnPolicy(
    "policy.listen=127.0.0.1:0",
    `model.name_or_path=${folder}`,
    `model.lora.r=${lora.r}`,
    `policy.threads=${options.threads}`,
    "telemetry.log_level=warn",
  );
  using client = createClient(policyService, { address: await policy.ready });
  const { baseModelHash } = await client.getModelInfo({});
  await using learning = await Learning.open(ppo, {
    model: folder,
    settings: ppo.settings.parse({
      ...{ batch_size: prompts.length, mini_batch_size: options.miniBatch },
      ...{ micro_batch_size: options.microBatch, ppo_epochs: 1 },
    }),
    lora,
    runtime: { intraOpThreads: options.threads },
  });
  const { learner } = learning;
  let step = 0;
  let version = 0;
  const push = async () => {
    const weights = packWeights(new Map([...learner.adapter, ...(learner.valueHead ?? [])]), lora);
    await pushWeights(client, weights, { runId: "bench", baseModelHash, expectedVersion: version });
    version++;
  };
  await push();

  const order = prompts.map((_, i) => (i * 5 + 3) % prompts.length);
  const chosen = new Set(order).size === prompts.length ? order : prompts.map((_, i) => i);
  const iterate = async () => {
    const spent = { forward_pass: 0, "update.minibatch": 0 } as Record<string, number>;
    const stage: StageRunner = async (name, run) => {
      const start = performance.now();
      const result = await run();
      spent[name] = (spent[name] ?? 0) + (performance.now() - start) / 1000;
      return result;
    };
    const start = performance.now();
    const rollout = await roll(client, prompts, version);
    const rollout_s = (performance.now() - start) / 1000;
    const sequences = prompts.map(({ ids }, i) => ({ query: ids, response: rollout[i]!.response }));
    const { recomputed } = await learning.learn(
      { sequences, scores: prompts.map((_, i) => 1 + 0.1 * i), rollout },
      { step: step++, klController: { kind: "fixed", value: 0.2 } },
      { order: () => chosen, stage },
    );
    const push_s = await seconds(push);
    return {
      rollout_s,
      reference_s: spent["forward_pass"]!,
      update_s: spent["update.minibatch"]!,
      push_s,
      iteration_s: (performance.now() - start) / 1000,
      recomputed: recomputed !== undefined,
      sequences,
    };
  };
  await iterate();
  const first = await iterate();
  const peakRss = memoryUse().peakRss + peakOf(policy.pid);

  await using floor = options.lengths === "equal" ? await openFloor(folder, options) : undefined;
  await floor?.run();
  const runs: (Awaited<ReturnType<typeof iterate>> & { floor_s: number })[] = [];
  const round = async () => {
    const ours = await iterate();
    runs.push({ ...ours, floor_s: floor ? await seconds(floor.run) : 0 });
    const { iteration_s, floor_s } = runs.at(-1)!;
    console.error(
      `iteration ${runs.length}: ${iteration_s.toFixed(1)} s, its products ${floor_s.toFixed(1)} s`,
    );
    return ours.iteration_s;
  };
  for (let i = 0; i < options.rounds; i++) await round();
  const { peer, python } = options;
  const peers = peer !== undefined && python !== undefined
    ? await trlWays({ ...options, peer, python }, round)
    : undefined;
  const middle = (field: "rollout_s" | "reference_s" | "update_s" | "push_s" | "iteration_s") =>
    median(runs.map((run) => run[field]));
  return {
    rollout_s: middle("rollout_s"),
    reference_s: middle("reference_s"),
    update_s: middle("update_s"),
    push_s: middle("push_s"),
    iteration_s: middle("iteration_s"),
    ...(floor
      ? {
        floor_s: median(runs.map((run) => run.floor_s)),
        share_of_products_speed: median(runs.map((run) => run.floor_s / run.iteration_s)),
      }
      : {}),
    peak_rss_mb: peakRss / 2 ** 20,
    padding_waste: paddingWaste(first.sequences, chosen, options.miniBatch),
    recomputed: runs.some((run) => run.recomputed),
    ...(peers ? { peers } : {}),
  };
}

/** One group of the trainer: all prompts in one batch. */
async function roll(
  client: RpcClient<typeof policyService>,
  prompts: readonly Prompt[],
  version: number,
) {
  const found = prompts.map(() => ({
    response: [] as number[],
    logprobs: [] as number[],
    values: [] as number[],
  }));
  const longest = Math.max(...prompts.map(({ newTokens }) => newTokens));
  const shortest = Math.min(...prompts.map(({ newTokens }) => newTokens));
  const answers = client.generate({
    prompts: prompts.map(({ ids, newTokens }, i) => ({
      key: `${i}`,
      tokenIds: { ids },
      maxNewTokens: newTokens,
    })),
    sampling: { doSample: true, minNewTokens: shortest, maxNewTokens: longest },
    seed: version,
    weights: { kind: "WEIGHTS_KIND_VERSION", runId: "bench", version },
    asSent: true,
    returnLogprobs: true,
    returnValues: true,
  }, { deadlineMs: 3_600_000 });
  for await (const { chunks } of answers) {
    for (const chunk of chunks) {
      const sequence = found[Number(chunk.key)]!;
      sequence.response.push(...chunk.tokenIds);
      sequence.logprobs.push(...chunk.logprobs);
      sequence.values.push(...chunk.values);
    }
  }
  return found.map(({ response, logprobs, values }) => ({
    response,
    logprobs: Float32Array.from(logprobs),
    values: Float32Array.from(values),
  }));
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
