import { InputError, type Tensor, tensor } from "@decorum/tensor";
import { type Params, tensorLike } from "./params.ts";

/** Gradients of the micro-batches of one mini-batch so far. */
export interface GradientAccumulation {
  /** Tokens counted in the losses so far. */
  readonly tokens: number;
  /** Sum over micro-batches of mean gradient x tokens, in double. */
  readonly sums: ReadonlyMap<string, Tensor<"float64">>;
}

/** Nothing accumulated yet. */
export const emptyAccumulation: GradientAccumulation = { tokens: 0, sums: new Map() };

/**
 * Adds one micro-batch: `grads` of its mean loss over `tokens` response tokens. Weighting by tokens makes
 * the result the gradient of the mean over the whole mini-batch, however it is cut. A micro-batch of
 * 0 tokens adds nothing (its mean is undefined).
 *
 * @throws InputError when names or shapes differ from those of the micro-batches before
 * @throws InputError when `tokens` is not a whole number of at least 0
 */
export function accumulate(
  before: GradientAccumulation,
  grads: Params,
  tokens: number,
): GradientAccumulation {
  if (!Number.isSafeInteger(tokens) || tokens < 0) {
    throw new InputError(
      `Cannot accumulate a micro-batch of ${tokens} tokens: expected a whole number of at least 0`,
    );
  }
  if (tokens === 0) return before;
  const first = before.tokens === 0;
  const sums = new Map<string, Tensor<"float64">>();
  for (const [name, { dims, data }] of grads) {
    const earlier = first ? undefined : before.sums.get(name);
    if (!first && earlier === undefined) {
      throw new InputError(`Gradient "${name}" was in no earlier micro-batch of this mini-batch`);
    }
    if (earlier !== undefined) tensorLike("gradient", grads, name, earlier.dims);
    const sum = new Float64Array(data.length);
    for (let i = 0; i < sum.length; i++) sum[i] = data[i]! * tokens;
    if (earlier !== undefined) { for (let i = 0; i < sum.length; i++) sum[i]! += earlier.data[i]!; }
    sums.set(name, tensor("float64", dims, sum));
  }
  for (const [name, { dims }] of before.sums) tensorLike("gradient", grads, name, dims);
  return { tokens: before.tokens + tokens, sums };
}

/**
 * The gradient of the mean loss over all tokens accumulated.
 *
 * @throws InputError when nothing was accumulated
 */
export function meanGradients({ tokens, sums }: GradientAccumulation): Params {
  if (tokens === 0) {
    throw new InputError("Cannot average gradients over 0 tokens: accumulate a micro-batch first");
  }
  const means = new Map<string, Tensor<"float32">>();
  for (const [name, { dims, data }] of sums) {
    const mean = new Float32Array(data.length);
    for (let i = 0; i < mean.length; i++) mean[i] = data[i]! / tokens;
    means.set(name, tensor("float32", dims, mean));
  }
  return means;
}
