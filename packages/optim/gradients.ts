import { InputError, type Tensor, tensor } from "@decorum/tensor";

/** Trainable tensors, or their gradients, by the name the checkpoint gives them. */
export type Params = ReadonlyMap<string, Tensor<"float32">>;

/**
 * The tensor of `tensors` that belongs to `name`, checked to have the shape of its parameter.
 *
 * @param what what `tensors` holds, for the message: "gradient", "exp_avg"
 * @throws InputError when it is missing, not float32, or of another shape
 */
export function tensorLike(
  what: string,
  tensors: ReadonlyMap<string, Tensor>,
  name: string,
  dims: readonly number[],
): Tensor<"float32"> {
  const found = tensors.get(name);
  const expected = `expected float32 [${dims}]`;
  if (found === undefined) {
    throw new InputError(
      `No ${what} for "${name}": ${expected}; ${tensors.size} others were given`,
    );
  }
  if (found.dtype !== "float32" || !sameDims(found.dims, dims)) {
    throw new InputError(
      `The ${what} of "${name}" is ${found.dtype} [${found.dims}]: ${expected}, the parameter's shape`,
    );
  }
  return found as Tensor<"float32">;
}

/** True when two shapes are the same. */
function sameDims(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

/** Where the first value that is not a finite number lies. */
interface NonFinite {
  /** Name of the tensor. */
  readonly name: string;
  /** Flat row-major position in it. */
  readonly index: number;
  /** NaN, Infinity or -Infinity. */
  readonly value: number;
}

/** The first NaN or infinity in `tensors`, or undefined when all are finite. */
export function findNonFinite(tensors: Params): NonFinite | undefined {
  for (const [name, { data }] of tensors) {
    // Not findIndex: a call for each of millions of numbers takes several times as long.
    for (let index = 0; index < data.length; index++) {
      if (!Number.isFinite(data[index]!)) return { name, index, value: data[index]! };
    }
  }
  return undefined;
}

/** A gradient holds NaN or infinity: the caller skips the update, counts it and says so. */
export class NonFiniteGradientError extends Error {
  override readonly name = "NonFiniteGradientError";
  /** The first such value. */
  readonly at: NonFinite;

  constructor(at: NonFinite) {
    super(
      `The gradient of "${at.name}" is ${at.value} at element ${at.index}: expected finite numbers; ` +
        "skip this update, and lower the learning rate if it happens again",
    );
    this.at = at;
  }
}

/** Gradients after clipping, and their norm before it. */
interface ClippedGradients {
  readonly grads: Params;
  /** Euclidean norm over all tensors together, before clipping. */
  readonly norm: number;
}

/**
 * Scales `grads` so that their global norm is at most `maxNorm`: the factor is
 * `min(1, maxNorm / (norm + 1e-6))`, as `torch.nn.utils.clip_grad_norm_`. The sum is taken in double.
 * Gradients already short enough are returned as they are; `maxNorm = Infinity` only measures.
 *
 * @throws NonFiniteGradientError when a gradient holds NaN or infinity
 * @throws InputError when `maxNorm` is not above 0
 */
export function clipByGlobalNorm(grads: Params, maxNorm: number): ClippedGradients {
  if (!(maxNorm > 0)) {
    throw new InputError(`Cannot clip gradients to norm ${maxNorm}: expected a number above 0`);
  }
  const norm = globalNorm(grads);
  const factor = maxNorm / (norm + 1e-6);
  if (factor >= 1) return { grads, norm };
  const clipped = new Map<string, Tensor<"float32">>();
  for (const [name, { dims, data }] of grads) {
    const scaled = new Float32Array(data.length);
    for (let i = 0; i < scaled.length; i++) scaled[i] = data[i]! * factor;
    clipped.set(name, tensor("float32", dims, scaled));
  }
  return { grads: clipped, norm };
}

/**
 * Euclidean norm over all tensors together, summed in double.
 *
 * @throws NonFiniteGradientError when a gradient holds NaN or infinity
 */
export function globalNorm(grads: Params): number {
  let sum = 0;
  for (const { data } of grads.values()) {
    for (let i = 0; i < data.length; i++) sum += data[i]! * data[i]!;
  }
  // float32 squares cannot overflow a double, so a sum that is not finite comes from the data.
  if (!Number.isFinite(sum)) {
    const at = findNonFinite(grads);
    if (at !== undefined) throw new NonFiniteGradientError(at);
  }
  return Math.sqrt(sum);
}

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
  const copies = [...before.sums].map(([name, { dims, data }]) =>
    [name, tensor("float64", dims, data.slice())] as const
  );
  const steps = accumulating({ ...before, sums: new Map(copies) }, grads, tokens);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Numbers that {@link accumulating} adds at once: well under a millisecond. */
const PIECE = 2 ** 18;

/**
 * {@link accumulate}, which stops every `PIECE` numbers: whoever must not block for long does other things in between. It
 * adds to the arrays of `before`, which is not to be used again.
 */
export function* accumulating(
  before: GradientAccumulation,
  grads: Params,
  tokens: number,
): Generator<void, GradientAccumulation> {
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
    const sum = earlier?.data ?? new Float64Array(data.length);
    for (let from = 0; from < sum.length; from += PIECE) {
      const to = Math.min(from + PIECE, sum.length);
      if (earlier) { for (let i = from; i < to; i++) sum[i]! += data[i]! * tokens; }
      // Not added to zeros: -0 stays -0.
      else for (let i = from; i < to; i++) sum[i] = data[i]! * tokens;
      yield;
    }
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
