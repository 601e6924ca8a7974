import {
  abs,
  add,
  cast,
  expandLike,
  matMulInteger,
  max,
  mul,
  quantizeLinear,
  reduceMax,
  squeeze,
  transpose,
  type Value,
} from "@decorum/onnx";
import type { LinearLayers, Weights } from "@decorum/models";

/** Largest magnitude of a quantised number. */
const STEPS = 127;
/** Least scale: keeps a row of zeros from being divided by 0. */
const LEAST_SCALE = 1e-30;
/** What stands for 0 in a quantised activation: unsigned ones are what the CPU has fast products for. */
const ZERO = 128;

/**
 * Linear layers in int8: `scale_row * scale_column * (x_q W_q) + b`, x_q and W_q rounded to 127 steps of either sign.
 *
 * Each row of activations has a scale of its own, its largest magnitude, so that no row depends on another; each
 * output channel of the weights likewise. The runtime quantises weights once, when it loads the graph. Sums of
 * int8 products are exact in int32.
 */
export class Int8Linear {
  constructor(readonly weights: Weights, readonly layers: LinearLayers) {}

  /**
   * `x W^T + b` of several layers of one input.
   *
   * @param x `[rows, in]` float32
   * @returns one `[rows, out]` float32 for each
   */
  forwardAll(names: readonly string[], x: Value): Value[] {
    const { graph } = this.weights;
    const scale = scaleOf(x); // [rows, 1]
    const zero = graph.scalar(ZERO, "uint8");
    const quantized = quantize(x, scale, zero);
    return names.map((name) => {
      const size = this.layers.get(name);
      if (!size) throw new Error(`internal: the model lists no linear layer "${name}"`);
      const w = this.weights.float32(`${name}.weight`, size); // [out, in]
      const channels = scaleOf(w); // [out, 1]
      const wT = transpose(quantize(w, channels, graph.scalar(0, "int8")), [1, 0]);
      const sums = cast(matMulInteger(quantized, wT, zero), "float32");
      const products = mul(mul(sums, squeeze(channels, [1])), scale);
      return add(products, this.weights.float32(`${name}.bias`, [size[0]]));
    });
  }
}

/** Of each row of `[rows, n]`: `[rows, 1]`. */
function scaleOf(x: Value): Value {
  return max(mul(reduceMax(abs(x), [1], true), 1 / STEPS), LEAST_SCALE);
}

/** @param scale `[rows, 1]` @param zero a scalar of the type to quantise to */
function quantize(x: Value, scale: Value, zero: Value): Value {
  const scales = squeeze(scale, [1]);
  return quantizeLinear(x, scales, expandLike(zero, scales), 0);
}
