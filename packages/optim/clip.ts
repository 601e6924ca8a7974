import { InputError, type Tensor, tensor } from "@decorum/tensor";
import { findNonFinite, NonFiniteGradientError } from "./finite.ts";
import type { Params } from "./params.ts";

/** Gradients after clipping, and their norm before it. */
export interface ClippedGradients {
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
