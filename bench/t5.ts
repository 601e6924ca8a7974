import { float32, type Tensor } from "@decorum/tensor";
import {
  adapterShapes,
  buildForwardGraph,
  initAdapter,
  initValueHead,
  type ModelGraph,
  openCheckpoint,
  openPolicyModel,
  type Sequence,
  tokenBatch,
  valueHeadShapes,
} from "@decorum/models";
import { buildUpdateGraph, learnerSession } from "@decorum/learning";
import { ppo } from "@decorum/algorithms";
import { memoryUse, openGraph, readProfile } from "@decorum/runtime";
import { type PeerWork, startPeer } from "./peer.ts";
import { productOperations, productsOnly } from "./products.ts";
import { randomT5, type T5Size } from "./random_t5.ts";
import { alternate, median } from "./stats.ts";

/** Shape of the work; the defaults of the command line are the issue's. */
export interface T5BenchOptions {
  readonly size: T5Size;
  readonly threads: number;
  readonly query: number;
  readonly response: number;
  readonly batch: number;
  readonly rounds: number;
  /** Folder for the model with random weights. */
  readonly cache: string;
  /** Python with torch, transformers and peft: PyTorch takes turns with us. */
  readonly python?: string;
  /** Prefix of onnxruntime's trace; none is written without it. */
  readonly profile?: string;
}

export interface T5BenchResult {
  readonly seconds: number;
  /** The same matrix products alone, in the same process, in turn. */
  readonly products_s: number;
  /** products_s / seconds: share of the time that the products need. */
  readonly share_of_products_speed: number;
  readonly gflop: number;
  readonly gflops_per_s: number;
  readonly peak_rss_mb: number;
  readonly model: string;
  /** PyTorch fp32 on the same weights, in turn with us. */
  readonly torch_s?: number;
  /** torch_s / seconds, pair by pair. */
  readonly speedup_over_torch?: number;
  readonly torch?: string;
}

const lora = { r: 32, loraAlpha: 32, loraDropout: 0, targetModules: ["q", "v"] };

function randomSequences(options: T5BenchOptions, vocabulary: number): Sequence[] {
  let state = 12345;
  const id = () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return 3 + state % (vocabulary - 28);
  };
  const ids = (length: number) => Array.from({ length }, id);
  return Array.from({ length: options.batch }, () => ({
    query: ids(options.query),
    response: ids(options.response),
  }));
}

/** Log-probabilities and values of a batch. */
export function benchForward(options: T5BenchOptions): Promise<T5BenchResult> {
  return bench(
    "forward",
    options,
    false,
    (spec) => buildForwardGraph(spec),
    () => ({}),
  );
}

/** Forward and backward of one PPO micro-batch: gradients of the adapter and the value head. */
export function benchTrainStep(options: T5BenchOptions): Promise<T5BenchResult> {
  return bench(
    "train_step",
    options,
    true,
    (spec) => {
      const wrt = [
        ...adapterShapes(lora, spec.model.layers).keys(),
        ...valueHeadShapes(spec.model.config.hidden_size).keys(),
      ];
      return buildUpdateGraph(ppo.open({}), spec, wrt);
    },
    (tokens) => {
      const row = (value: (i: number) => number) =>
        float32([tokens], Array.from({ length: tokens }, (_, i) => value(i)));
      return {
        old_logprobs: row(() => -10),
        advantages: row((i) => Math.sin(i)),
        old_values: row(() => 0),
        returns: row((i) => Math.cos(i)),
      };
    },
  );
}

/** @param prepack as the learner's session of that graph */
async function bench(
  work: PeerWork["work"],
  options: T5BenchOptions,
  prepack: boolean,
  build: (spec: Parameters<typeof buildForwardGraph>[0]) => ModelGraph,
  targets: (tokens: number) => Record<string, Tensor>,
): Promise<T5BenchResult> {
  const folder = randomT5(options.cache, options.size);
  const policy = openPolicyModel(folder);
  const { config } = policy;
  using index = openCheckpoint(folder);
  const model = build({ model: policy, index, lora, valueHead: true });
  const batch = tokenBatch(randomSequences(options, config.vocab_size), config);
  const sizes = new Map([
    ["prompts", options.batch],
    ["responses", 1],
    ["source", options.query],
    ["target", options.response],
    ["tokens", batch.tokens],
  ]);
  const runtime = { ...learnerSession({ intraOpThreads: options.threads }), prepack };
  await using session = await openGraph(
    model,
    { ...runtime, ...(options.profile ? { profilePrefix: options.profile } : {}) },
  );
  const given: Record<string, Tensor> = {
    ...batch.feeds,
    temperature: float32([], [1]),
    lora_scale: float32([], [1]),
    ...Object.fromEntries(initAdapter(lora, policy.layers, 1)),
    ...Object.fromEntries(initValueHead(config.hidden_size)),
    ...targets(batch.tokens),
  };
  const feeds = Object.fromEntries(session.inputNames.map((name) => [name, given[name]!]));
  await session.run(feeds);
  await session.run(feeds);
  const peak = memoryUse().peakRss;
  const floor = productsOnly(model, sizes);
  await using bare = await openGraph(
    floor.model,
    { ...runtime, graphOptimizationLevel: "disabled" },
  );
  const peer = options.python === undefined
    ? undefined
    : await startPeer(options.python, { ...options, work, model: folder });
  const times = await alternate({
    ours: () => session.run(feeds),
    products: () => bare.run(floor.feeds),
    ...(peer ? { torch: () => peer.run() } : {}),
  }, { rounds: options.rounds, warmups: 1 });
  peer?.stop();
  if (options.profile) {
    const { ops, runs, kernelMs, wallMs } = readProfile(await session.endProfiling());
    console.error(
      `profile of ${runs} runs: ${Math.round(wallMs / runs)} ms each, kernels ${
        Math.round(kernelMs / runs)
      } ms`,
    );
    for (const { op, calls, ms, share } of ops.slice(0, 20)) {
      console.error(
        `  ${(ms / runs).toFixed(1).padStart(9)} ms ${(100 * share).toFixed(1).padStart(5)} %  ${
          String(calls / runs).padStart(5)
        } x ${op}`,
      );
    }
  }
  const operations = productOperations(model.graph, sizes);
  const ours = median(times["ours"]!);
  const products = median(times["products"]!);
  return {
    seconds: ours,
    products_s: products,
    share_of_products_speed: median(times["ours"]!.map((t, i) => times["products"]![i]! / t)),
    gflop: operations / 1e9,
    gflops_per_s: operations / 1e9 / ours,
    peak_rss_mb: peak / 2 ** 20,
    model: folder,
    ...(peer
      ? {
        torch_s: median(times["torch"]!),
        speedup_over_torch: median(times["ours"]!.map((t, i) => times["torch"]![i]! / t)),
        torch: peer.version,
      }
      : {}),
  };
}
