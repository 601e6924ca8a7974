import {
  add,
  concat,
  constantOfShape,
  type Dim,
  type GraphBuilder,
  mul,
  remainingDim,
  reshape,
  scalarTensor,
  shapeOf,
  sub,
  type TypedName,
  type Value,
} from "@decorum/onnx";
import { int64 } from "@decorum/tensor";

/** A size or a position along an axis: a number, or an int64 vector `[1]` that the graph computes. */
export type Size = number | Value;

export function addSizes(a: Size, b: Size): Size {
  return typeof a === "number" && typeof b === "number" ? a + b : add(a, b);
}

export function subtractSizes(a: Size, b: Size): Size {
  return typeof a === "number" && typeof b === "number" ? a - b : sub(a, b);
}

export function multiplySizes(a: Size, b: Size): Size {
  if (a === 1) return b;
  return typeof a === "number" && typeof b === "number" ? a * b : mul(a, b);
}

/** Sizes as one int64 vector. */
export function sizeVector(graph: GraphBuilder, sizes: readonly Size[]): Value {
  return concat(
    sizes.map((size) => (typeof size === "number" ? graph.constant(int64([1], [size])) : size)),
    0,
  );
}

/**
 * Shapes of forward values as int64 vectors. Sizes are read from the graph's inputs where these name
 * them: `Shape` of an activation would keep it in memory until the gradient has run.
 */
export class Sizes {
  readonly #dims = new Map<string, Size | undefined>();
  readonly #vectors = new Map<string, Value>();

  constructor(readonly graph: GraphBuilder, readonly inputs: readonly TypedName[]) {}

  /** The shape of `x`, int64 `[rank]`; with `axes` given, 1 for every other axis. */
  of(x: Value, axes: readonly number[] = [...x.shape.keys()]): Value {
    const sizes = x.shape.map((_, i) => (axes.includes(i) ? this.axis(x, i) : 1));
    const numbers = sizes.filter((size) => typeof size === "number");
    if (numbers.length === sizes.length) return this.graph.constant(int64([x.rank], numbers));
    const key = sizes.join();
    const vector = this.#vectors.get(key) ?? sizeVector(this.graph, sizes);
    this.#vectors.set(key, vector);
    return vector;
  }

  /** Size of one axis of `x`: a number, or int64 `[1]`. */
  axis(x: Value, axis: number): Size {
    const dim = x.shape[axis];
    if (dim === undefined) throw new Error(`internal: ${x} has no axis ${axis}`);
    if (typeof dim === "number") return dim;
    return this.#dim(dim) ?? shapeOf(x, { start: axis, end: axis + 1 });
  }

  /** `g` in the shape of `x`, which has as many elements. */
  reshape(g: Value, x: Value): Value {
    const open = x.shape.findIndex((dim) => typeof dim !== "number");
    const others = x.shape.toSpliced(open, 1);
    const rest = open < 0 ? undefined : remainingDim(g.shape, others);
    if (rest !== undefined && rest === x.shape[open] && others.every(isPositive)) {
      return reshape(g, x.shape.map((dim, i) => (i === open ? -1 : Number(dim))));
    }
    return this.graph.op("Reshape", [g, this.of(x)], { allowzero: 1 });
  }

  /** Zeros of the shape and type of `x`. */
  zerosLike(x: Value): Value {
    return constantOfShape(this.of(x), scalarTensor(0, x.dtype));
  }

  /** A symbolic size, if it is a product of numbers and of symbols that inputs have as dimensions. */
  #dim(dim: string): Size | undefined {
    if (!this.#dims.has(dim)) this.#dims.set(dim, this.#fromInput(dim) ?? this.#product(dim));
    return this.#dims.get(dim);
  }

  #fromInput(symbol: string): Value | undefined {
    for (const { name, type } of this.inputs) {
      const axis = type.shape.indexOf(symbol);
      if (axis >= 0) return shapeOf(this.graph.value(name), { start: axis, end: axis + 1 });
    }
    return undefined;
  }

  #product(dim: string): Size | undefined {
    const factors = dim.split("*");
    if (factors.length === 1 || !PRODUCT.test(dim)) return undefined;
    const sizes = factors.map((f) => (/^\d+$/.test(f) ? Number(f) : this.#dim(f)));
    return sizes.every((size) => size !== undefined) ? sizes.reduce(multiplySizes) : undefined;
  }
}

/** A dimension that is one product, as in `4*batch*source`: see onnx's dims. */
const PRODUCT = /^[\w.:?*]+$/;

function isPositive(dim: Dim): boolean {
  return typeof dim === "number" && dim > 0;
}
