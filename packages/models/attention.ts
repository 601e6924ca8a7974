import {
  add,
  cast,
  concat,
  matmul,
  mul,
  range,
  reshape,
  reshapeLike,
  shapeOf,
  softmax,
  squeeze,
  sub,
  transpose,
  unsqueeze,
  type Value,
} from "@decorum/onnx";
import { int64 } from "@decorum/tensor";

/** Added to a score that must not count: exp(it) is 0 in float32 whatever the other scores are. */
export const MASKED = -1e9;

/** Splits rows into heads for sequences of one (padded) length. */
export class Heads {
  readonly #shape: Value;

  /** @param shape of the rows that are to be split, `[batch, time]`; one of the two may be -1: what is left */
  private constructor(shape: Value, readonly count: number, readonly size: number) {
    const tail = shape.graph.constant(int64([2], [count, size]));
    this.#shape = concat([shape, tail], 0);
  }

  /** @param ids `[batch, time]`: whose rows are to be split. */
  static of(ids: Value, count: number, size: number): Heads {
    return new Heads(shapeOf(ids), count, size);
  }

  /**
   * Rows that belong to the rows of `ids` in equal shares, one share after the other: all positions of all responses to
   * a prompt are then one sequence.
   *
   * @param ids `[batch, time]`
   */
  static sharing(ids: Value, count: number, size: number): Heads {
    const rest = ids.graph.constant(int64([1], [-1]));
    return new Heads(concat([shapeOf(ids, { start: 0, end: 1 }), rest], 0), count, size);
  }

  /** `[batch * time, heads * size]` as `[batch, heads, time, size]`. */
  split(x: Value): Value {
    return transpose(reshape(x, this.#shape), [0, 2, 1, 3]);
  }

  /** `[batch * time, heads * size]` as `[batch, heads, size, time]`: keys, ready for the product. */
  splitTransposed(x: Value): Value {
    return transpose(reshape(x, this.#shape), [0, 2, 3, 1]);
  }

  /** `[batch, heads, time, size]` as `[batch * time, heads * size]`. */
  merge(x: Value): Value {
    return reshape(transpose(x, [0, 2, 1, 3]), [-1, this.count * this.size]);
  }

  /** The same where the rows were split in shares: as many as `rows` has. */
  mergeLike(x: Value, rows: Value): Value {
    return reshapeLike(transpose(x, [0, 2, 1, 3]), rows);
  }
}

/**
 * softmax(q k^T + bias) v; scores and softmax in float32.
 *
 * @param q `[batch, heads, query, size]`, already scaled where the model scales it
 * @param kT `[batch, heads, size, key]`
 * @param v `[batch, heads, key, size]`
 * @param bias broadcasts to `[batch, heads, query, key]`, float32; none where it is absent
 * @returns `[batch, heads, query, size]` in v's type
 */
export function attend(q: Value, kT: Value, v: Value, bias?: Value): Value {
  const products = cast(matmul(q, kT), "float32");
  const scores = bias ? add(products, bias) : products;
  return matmul(cast(softmax(scores, -1), v.dtype), v);
}

/**
 * Bias that hides padding from every query.
 *
 * @param attentionMask `[batch, key]` int64, 1 where a token counts
 * @returns `[batch, 1, 1, key]` float32: 0 or `MASKED`
 */
export function attentionMaskBias(attentionMask: Value): Value {
  return unsqueeze(mul(sub(cast(attentionMask, "float32"), 1), -MASKED), [1, 2]);
}

/** 0, 1, .. up to the size of `axis` of `x`. @returns `[time]` int64 */
export function positionsOf(x: Value, axis: number): Value {
  const size = squeeze(shapeOf(x, { start: axis, end: axis + 1 }), [0]);
  const zero = x.graph.scalar(0, "int64");
  return range(zero, size, x.graph.scalar(1, "int64"));
}

/** key position - query position. @returns `[query, key]` int64 */
export function relativePositions(queryPositions: Value, keyPositions: Value): Value {
  return sub(unsqueeze(keyPositions, [0]), unsqueeze(queryPositions, [1]));
}
