import type { Params } from "@decorum/optim";
import type { LearningTask } from "./learning_task.ts";
import { microBatches, sharedMicroBatches } from "./micro_batches.ts";
import type { Feeds, GraphName, Runner, RunOutputs } from "./runner.ts";

/** What a pass over examples says of them. */
export interface Evaluation<Prediction> {
  /** What the means are over. */
  readonly count: number;
  /** The graph's scalar outputs. */
  readonly means: Readonly<Record<string, number>>;
  /** In the order of the examples. */
  readonly predictions: readonly Prediction[];
}

/** The weights of a pass. */
export interface PassWeights {
  /** The trained parameters; a later map wins over an earlier one. */
  readonly params: readonly Params[];
  /** `lora_scale`, where there is an adapter. */
  readonly scale: Feeds;
}

/** How a graph runs over inputs. */
export interface Pass {
  readonly graph: GraphName;
  readonly weights: PassWeights;
  /** Logits are divided by it. */
  readonly temperature: number;
  /** What a run is fed besides batch and weights. */
  readonly targets?: (shard: readonly number[]) => Feeds;
  /** Takes the outputs of each run, in the order of the shards. */
  readonly add?: (outputs: RunOutputs, count: number) => Promise<void>;
}

/** Runs a graph over inputs, in micro-batches that are cut by lengths alone. */
export async function runPass<Input, Prediction>(
  { task, runner, options: { microBatchSize = 4 } }: {
    readonly task: Pick<
      LearningTask<never, Input, Prediction>,
      "batch" | "nothing" | "lengths" | "shared"
    >;
    readonly runner: Runner;
    readonly options: { readonly microBatchSize?: number };
  },
  inputs: readonly Input[],
  { graph, weights, temperature, targets, add }: Pass,
): Promise<Evaluation<Prediction>> {
  const lengths = inputs.map(task.lengths);
  const shards = task.shared
    ? sharedMicroBatches(lengths, inputs.map(task.shared), microBatchSize)
    : microBatches(lengths, microBatchSize);
  const batches = shards.map((shard) => task.batch(shard.map((i) => inputs[i]!), temperature));
  const jobs = batches.map(({ feeds }, at) => () => ({
    ...feeds,
    ...weights.scale,
    ...targets?.(shards[at]!),
  }));
  const predictions = Array<Prediction>(inputs.length).fill(task.nothing);
  const sums = new Map<string, number>();
  let [at, total] = [0, 0];
  for await (const outputs of runner.run(graph, jobs, weights.params)) {
    const { count, read } = batches[at]!;
    await add?.(outputs, count);
    total += count;
    for (const [name, mean] of Object.entries(scalarsOf(outputs))) {
      sums.set(name, (sums.get(name) ?? 0) + mean * count);
    }
    const found = read(outputs);
    shards[at++]!.forEach((index, i) => (predictions[index] = found[i]!));
  }
  const means = Object.fromEntries([...sums].map(([name, sum]) => [name, sum / total]));
  return { count: total, means, predictions };
}

/** The scalar float outputs of a run: means over what its batch counts. */
function scalarsOf(outputs: RunOutputs): Record<string, number> {
  return Object.fromEntries(
    Object.entries(outputs).flatMap(([name, { dims, data }]) =>
      dims.length === 0 && !name.endsWith("_grad") ? [[name, Number(data[0])]] : []
    ),
  );
}
