import { readFileSync, writeFileSync } from "node:fs";
import {
  type Algorithm,
  Learning,
  type Policy,
  type Prompt,
  type StageRunner,
  train,
  type TrainStep,
  type TrainTools,
} from "@decorum/algorithms";
import { Policies, type Waiting, weightsImage } from "@decorum/fleet";
import { baseModelHash, initValueHead, openPolicyModel } from "@decorum/models";
import { memoryUse } from "@decorum/runtime";
import { createMetrics } from "@decorum/telemetry";
import { dataOrder } from "@decorum/text";
import { spawnPolicy } from "../services/policy/testing/fixture.ts";
import { rollout } from "../services/trainer/step/rollout.ts";
import { lora } from "./iteration_floor.ts";
import { randomT5, type T5Size } from "./random_t5.ts";
import { median } from "./stats.ts";

/** Shape of an iteration; the defaults of the command line are the issue's. */
export interface IterationOptions {
  readonly size: T5Size;
  readonly threads: number;
  /** Responses. */
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
}

const RUN = "bench";
export const SEED = 1;

const waiting: Waiting = {
  stop: new AbortController().signal,
  cancel: new AbortController().signal,
  say: (message) => console.error(message),
};

/** Prompts of random words, of the lengths asked for; the same in every run. */
function promptsOf(
  { lengths, query }: IterationOptions,
  count: number,
  vocabulary: number,
): Prompt[] {
  let state = 12345;
  const random = () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) / 2 ** 23;
  };
  const between = (from: number, to: number) => from + Math.floor(random() * (to - from + 1));
  return Array.from({ length: count }, () => {
    const length = lengths === "equal" ? query : between(60, 300);
    return { text: "", ids: Array.from({ length }, () => 3 + between(0, vocabulary - 32)) };
  });
}

/** Settings of an iteration that every algorithm has, on top of what the caller gives. */
export function loopSettings(
  { lengths, batch, response, miniBatch, microBatch }: IterationOptions,
) {
  const tokens = lengths === "equal"
    ? { min_new_tokens: response, max_new_tokens: response }
    : { min_new_tokens: 20, max_new_tokens: 120, length_sampler: { min: 20, max: 121 } };
  return {
    ...{ batch_size: batch, mini_batch_size: miniBatch, micro_batch_size: microBatch },
    ...{ steps: Number.MAX_SAFE_INTEGER, ...tokens },
  };
}

/** A policy in a process of its own, as the trainer calls it. */
function remotePolicy(
  address: string,
  baseModelHash: string,
  hiddenSize: number,
): Policy & Disposable {
  const metrics = createMetrics({ service: "trainer", version: "bench" });
  const policies = new Policies(
    { addresses: [address], security: () => ({}), metrics },
    baseModelHash,
  );
  return {
    generate: (groups, settings) => rollout(policies, groups, settings, waiting),
    update(parameters, step) {
      // A policy always has a value head; one of zeros where none learns.
      const all = new Map([...initValueHead(hiddenSize), ...parameters]);
      return policies.publish(weightsImage(RUN, step + 1, all, lora), waiting);
    },
    [Symbol.dispose]: () => policies[Symbol.dispose](),
  };
}

/** A step, and the seconds of its parts. */
export interface Iteration extends TrainStep {
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

/** A trainer's loop in this process over a policy service in its own. */
export interface Iterations extends AsyncDisposable {
  next(): Promise<Iteration>;
  /** Peak resident bytes of both processes since it was opened. */
  peakRss(): number;
}

/** Iterations of an algorithm as the trainer makes them. */
export async function openIterations(
  algorithm: Algorithm,
  options: IterationOptions,
): Promise<Iterations> {
  const { threads, batch } = options;
  const model = randomT5(options.cache, options.size);
  const { config } = openPolicyModel(model);
  forgetPeak();
  await using opened = new AsyncDisposableStack();
  const process = opened.use(spawnPolicy(
    "policy.listen=127.0.0.1:0",
    `model.name_or_path=${model}`,
    `model.lora.r=${lora.r}`,
    `policy.threads=${threads}`,
    "telemetry.log_level=warn",
  ));
  const address = await process.ready;
  const policy = opened.use(
    remotePolicy(address, await baseModelHash(model), config.hidden_size),
  );
  const learning = opened.use(
    await Learning.open(algorithm, {
      ...{ model, lora, seed: SEED, runtime: { intraOpThreads: threads } },
    }),
  );
  const prompts = promptsOf(options, batch / algorithm.responses, config.vocab_size);
  const steps = timed({
    ...{ learning, policy, seed: SEED, groupSize: batch, prompts },
    order: dataOrder(prompts.length, SEED),
    // The words mean nothing, so rewards do not read them.
    tokenizer: { decode: () => "", idToToken: () => undefined },
    rewards: {
      score: ({ pairs }) =>
        Promise.resolve({ results: pairs.map((_, i) => ({ score: 1 + 0.1 * i })), version: "" }),
    },
  });
  const all = opened.move();
  return {
    next: async () => (await steps.next()).value,
    peakRss: () => memoryUse().peakRss + peakOf(process.pid),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Seconds, medians over iterations. */
export interface Times {
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
}

export function timesOf(runs: readonly Iteration[]): Times {
  const middle = (part: string) => median(runs.map(({ seconds }) => seconds[part]!));
  return {
    rollout_s: middle("rollout"),
    reference_s: middle("forward_pass"),
    update_s: middle("update.minibatch"),
    push_s: middle("push"),
    iteration_s: middle("iteration"),
  };
}

/** The peak of this process counts from now on, where the system can do that. */
function forgetPeak(): void {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // Not Linux, or not allowed: the peak is that of all that ran.
  }
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
