import {
  accumulate,
  emptyAccumulation,
  type GradientAccumulation,
  type Params,
} from "@decorum/optim";
import type { InferenceSession } from "@decorum/runtime";
import type { Tensor } from "@decorum/tensor";

/** One run of a gradient graph: its feeds, and how many tokens (or examples) its mean loss is over. */
export interface MicroBatchRun {
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly weight: number;
}

/** Gradients of a mini-batch, however it was cut, and its mean loss. */
export interface MiniBatchGradients {
  readonly accumulation: GradientAccumulation;
  readonly loss: number;
}

/** Outputs of one run by name. */
export type RunOutputs = Readonly<Record<string, Tensor>>;

/** The scalar output `name` of a run. */
export function scalarOf(outputs: RunOutputs, name: string): number {
  return Number(outputs[name]?.data[0] ?? NaN);
}

/**
 * Runs the micro-batches of one mini-batch and adds up their gradients, weighted, so that the result is the
 * gradient of the mean over the whole mini-batch.
 *
 * @param wrt parameters whose `<parameter>_grad` the session gives
 * @param each sees the outputs of every micro-batch, in order
 */
export async function accumulateRuns(
  session: InferenceSession,
  wrt: readonly string[],
  runs: Iterable<MicroBatchRun>,
  each: (outputs: RunOutputs, index: number) => void = () => {},
): Promise<MiniBatchGradients> {
  let accumulation = emptyAccumulation;
  let loss = 0;
  let index = 0;
  for (const { feeds, weight } of runs) {
    const outputs = await session.run(feeds);
    accumulation = accumulate(accumulation, gradientsOf(outputs, wrt), weight);
    loss += scalarOf(outputs, "loss") * weight;
    each(outputs, index++);
  }
  return { accumulation, loss: loss / accumulation.tokens };
}

function gradientsOf(outputs: RunOutputs, wrt: readonly string[]): Params {
  return new Map(wrt.map((name) => [name, outputs[`${name}_grad`] as Tensor<"float32">]));
}
