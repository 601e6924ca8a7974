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

/** How near a classifier's int8 logits come to those in fp32, on `sampleTexts`. */
export interface Int8Agreement {
  /** Texts that were compared. */
  readonly texts: number;
  /** Largest and mean absolute difference of a logit. */
  readonly maxDifference: number;
  readonly meanDifference: number;
  /** Largest difference of two logits of the same label in fp32: what the differences are small beside, or not. */
  readonly spread: number;
  /** Texts whose highest logit is of the same label; for a single label, of the same sign. */
  readonly sameLabel: number;
}

/**
 * Compares logits, `[texts][labels]`.
 *
 * @param fp32, int8 of the same texts
 */
export function int8Agreement(
  fp32: readonly ArrayLike<number>[],
  int8: readonly ArrayLike<number>[],
): Int8Agreement {
  const differences = fp32.flatMap((row, i) =>
    Array.from(row, (x, label) => Math.abs(x - int8[i]![label]!))
  );
  const spreads = Array.from(fp32[0] ?? [], (_, label) => {
    const column = fp32.map((row) => row[label]!);
    return Math.max(...column) - Math.min(...column);
  });
  return {
    texts: fp32.length,
    // NaN where a logit is none, so that no limit lets it pass.
    maxDifference: Math.max(...differences),
    meanDifference: differences.reduce((sum, x) => sum + x, 0) / differences.length,
    spread: Math.max(...spreads),
    sameLabel: fp32.filter((row, i) => highest(row) === highest(int8[i]!)).length,
  };
}

function highest(row: ArrayLike<number>): number {
  const values = Array.from(row);
  return values.length === 1 ? Math.sign(values[0]!) : values.indexOf(Math.max(...values));
}

/** One line for people. */
export function describeAgreement(agreement: Int8Agreement): string {
  const { texts, maxDifference, meanDifference, spread, sameLabel } = agreement;
  return `logits in int8 differ from fp32 by ${maxDifference.toFixed(4)} at most, ` +
    `${meanDifference.toFixed(4)} on average, over a range of ${spread.toFixed(4)}; ` +
    `${sameLabel} of ${texts} texts keep their label`;
}

const sentences = [
  "Thank you.",
  "I will be there at eight, and I will bring the maps that you asked for.",
  "You are a complete idiot and nobody wants you here.",
  "Person1 asks Person2 to book a table for four people on Friday evening.",
  "What a stupid, worthless idea!",
  "The meeting was moved to room 12; please tell Anna and the others.",
  "Get out of our country.",
  "Honestly, I loved every minute of it: the music, the food, the long walk home.",
  "He says that those people are vermin, and that they should be driven away.",
  "Tom wants to know why the parcel has not arrived, and Lucy promises to call the post office.",
  "lol no way u did that 😂😂",
  "She explains how the loan works: 3.5 % a year over ten years, with no fee for paying early.",
];

/**
 * Texts that a classifier's precisions are compared on: kind and rude ones, of one to about 170 words.
 */
export const sampleTexts: readonly string[] = [
  ...sentences,
  ...sentences.map((first, i) => `${first} ${sentences[(i + 5) % sentences.length]}`),
  sentences.slice(0, 6).join(" "),
  sentences.slice(6).join(" "),
  sentences.join(" "),
  "a",
];
