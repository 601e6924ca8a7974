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
import { Linear, type LinearOptions } from "@decorum/models";

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
export class Int8Linear extends Linear {
  /** Inputs that several layers share, quantised. */
  readonly #quantized = new Map<Value, Quantized>();

  /** A layer that asks for a type of its own, as those of the head do, gets it. */
  override forwardAll(
    names: readonly string[],
    out: number,
    x: Value,
    options: LinearOptions = {},
  ): Value[] {
    if (options.computeType !== undefined) return super.forwardAll(names, out, x, options);
    const { graph } = this.weights;
    const { values, scale, zero } = this.#quantize(x);
    return names.map((name) => {
      const w = this.weights.float32(`${name}.weight`, this.size(name, out, x)); // [out, in]
      const channels = scaleOf(w); // [out, 1]
      const wT = transpose(quantize(w, channels, graph.scalar(0, "int8")), [1, 0]);
      const sums = cast(matMulInteger(values, wT, zero), "float32");
      const products = mul(mul(sums, squeeze(channels, [1])), scale);
      return options.bias ? add(products, this.weights.float32(`${name}.bias`, [out])) : products;
    });
  }

  override padding(): number {
    return 0;
  }

  #quantize(x: Value): Quantized {
    const known = this.#quantized.get(x);
    if (known) return known;
    const scale = scaleOf(x);
    const zero = this.weights.graph.scalar(ZERO, "uint8");
    const quantized = { values: quantize(x, scale, zero), scale, zero };
    this.#quantized.set(x, quantized);
    return quantized;
  }
}

/** Rows of activations in steps of their scale `[rows, 1]`. */
interface Quantized {
  readonly values: Value;
  readonly scale: Value;
  readonly zero: Value;
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
