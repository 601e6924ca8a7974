import { GraphBuilder, identity } from "@decorum/onnx";
import { Learners, type Waiting } from "@decorum/fleet";
import { LearningSession, type LearningTask, openSft } from "@decorum/learning";
import { baseModelHash } from "@decorum/models";
import { arithmeticOf } from "@decorum/runtime";
import { createMetrics } from "@decorum/telemetry";
import { spawnProgram, spawnService } from "@decorum/testing/process";
import type { Tensor } from "@decorum/tensor";
import type { ScalingRow } from "./scaling.ts";
import { randomT5, type T5Size } from "./random_t5.ts";
import { median, seconds } from "./stats.ts";

export interface LearnerScalingOptions {
  /** Milliseconds that the simulated gradients of a micro-batch take. */
  readonly delay: number;
  /** Micro-batches of an update. */
  readonly shards: number;
  /** Bytes of the trained parameters, and of the gradients of a micro-batch. */
  readonly megabytes: number;
  readonly rounds: number;
  /** Numbers of learners. */
  readonly replicas: readonly number[];
}

/** Tensors of an adapter: as many as FLAN-T5-base's has. */
const TENSORS = 146;

const waiting: Waiting = {
  stop: new AbortController().signal,
  cancel: new AbortController().signal,
  say: (message) => console.error(message),
};

export interface LearnerRow extends ScalingRow {
  /** Longest time for which the trainer's thread answered nobody. */
  readonly longest_block_ms: number;
}

/** The trainer's own updates, weights, additions and Adam included, on learners that only wait; a process each. */
export async function benchLearners(options: LearnerScalingOptions): Promise<LearnerRow[]> {
  const rows: LearnerRow[] = [];
  for (const replicas of options.replicas) {
    await using all = new AsyncDisposableStack();
    const main = new URL("./delayed_learner.ts", import.meta.url);
    const children = Array.from(
      { length: replicas },
      () => all.use(spawnProgram(main, [`${options.delay}`])),
    );
    const addresses = await Promise.all(children.map(({ ready }) => ready));
    const session = all.use(await openSession(addresses, options));
    const samples = Array.from({ length: options.shards }, (_, i) => i);
    const once = () => session.update(samples);
    await once();
    const times: number[] = [];
    const longest = watchLoop();
    for (let round = 0; round < options.rounds; round++) times.push(await seconds(once));
    const time = median(times);
    rows.push({
      longest_block_ms: longest(),
      replicas,
      median_s: time,
      groups_per_s: options.shards / time,
      times: (rows[0]?.median_s ?? time) / time,
    });
  }
  return rows;
}

/** Watches this thread's event loop. @returns ends it, and says how late a timer was at most, in milliseconds */
function watchLoop(): () => number {
  let [longest, last] = [0, performance.now()];
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 2);
    last = now;
  }, 2);
  return () => {
    clearInterval(timer);
    return Math.round(longest);
  };
}

/** The same with real learners, a process and a thread each, which train an adapter of a T5 with random weights. */
export async function benchRealLearners(
  { size, cache, rounds, replicas }: Pick<LearnerScalingOptions, "rounds" | "replicas"> & {
    readonly size: T5Size;
    readonly cache: string;
  },
): Promise<ScalingRow[]> {
  const rows: ScalingRow[] = [];
  const model = randomT5(cache, size);
  const ids = (length: number) => Array.from({ length }, (_, i) => 2 + i % 50);
  const samples = Array.from({ length: 32 }, () => ({ query: ids(64), response: ids(16) }));
  for (const count of replicas) {
    await using all = new AsyncDisposableStack();
    const main = new URL("../services/learner/main.ts", import.meta.url);
    const children = Array.from({ length: count }, () =>
      all.use(
        spawnService(
          main,
          ...["learner.listen=127.0.0.1:0", "learner.threads=1", "learner.metrics_listen=null"],
          ...[`model.name_or_path=${model}`, "telemetry.log_level=warn"],
        ),
      ));
    const addresses = await Promise.all(children.map(({ ready }) => ready));
    const session = all.use(
      await openSft({
        model,
        lora: { r: 16, loraAlpha: 16, loraDropout: 0, targetModules: ["q", "v"] },
        optimizer: { algorithm: "adam", learningRate: 1e-4 },
        microBatchSize: 4,
        runtime: { intraOpThreads: 1 },
        openRunner: async (graphs, runtime) =>
          await Learners.open(graphs, {
            ...await openOptions(addresses),
            baseModelHash: await baseModelHash(model),
            arithmetic: await arithmeticOf(runtime),
          }),
      }),
    );
    const once = () => session.update(samples);
    await once();
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) times.push(await seconds(once));
    const time = median(times);
    rows.push({
      replicas: count,
      median_s: time,
      groups_per_s: 8 / time,
      times: (rows[0]?.median_s ?? time) / time,
    });
  }
  return rows;
}

async function openOptions(addresses: readonly string[]) {
  return {
    ...{ addresses, security: () => ({}), runId: "bench", baseModelHash: "bench", waiting },
    metrics: createMetrics({ service: "trainer", version: "bench" }),
    ...{ arithmetic: await arithmeticOf({}), allowDifferent: false, deadlineMs: 600_000 },
  };
}

async function openSession(
  addresses: readonly string[],
  { megabytes }: LearnerScalingOptions,
): Promise<LearningSession<number>> {
  const elements = Math.round(megabytes * 2 ** 20 / 4 / TENSORS);
  const parameter = (i: number) => new Float32Array(elements).fill(0.01 * (1 + i));
  const params = new Map<string, Tensor<"float32">>(
    Array.from({ length: TENSORS }, (_, i) => [
      `layer.${i}`,
      { dtype: "float32", dims: [elements], data: parameter(i) },
    ]),
  );
  const graph = new GraphBuilder("empty");
  graph.output(identity(graph.input("x", "float32", [])), "loss");
  const empty = { graph: graph.build(), files: new Map<string, string>() };
  const task: LearningTask<number> = {
    ...{ params, reference: undefined, lora: undefined, forward: empty, update: empty },
    model: { layers: new Map(), rowsOf: () => "source" },
    inputOf: (sample) => sample,
    lengths: () => [1],
    nothing: undefined,
    batch: () => ({ feeds: {}, count: 1, read: () => [undefined] }),
  };
  const runner = await Learners.open(task, await openOptions(addresses));
  const optimizer = { algorithm: "adam", learningRate: 1e-5 } as const;
  return new LearningSession(task, { optimizer, microBatchSize: 1 }, runner);
}
