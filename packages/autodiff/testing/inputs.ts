import {
  type DType,
  normals,
  permutation,
  type RandomKey,
  type Tensor,
  tensor,
} from "@decorum/tensor";
import { uniforms } from "@decorum/tensor";
import { type Dim, evaluateDim, type GraphBuilder, type Shape, type Value } from "@decorum/onnx";

/** Sizes of the symbols in the shapes of test graphs; all different, so that a mix-up shows. */
const SIZES: ReadonlyMap<string, number> = new Map([["b", 2], ["s", 3], ["d", 4], ["t", 5]]);

/** Element type in which a rule is checked; float32 where onnxruntime has no float64 kernel. */
export type CheckedType = "float64" | "float32";

/** Where the values of an input come from: away from what makes the operator's slope jump. */
export type Domain =
  /** Standard normal. */
  | "any"
  /** From 0.5 to 2.5. */
  | "positive"
  /** Either sign, magnitude from 0.5 to 2.5. */
  | "nonzero"
  /** All different, at least 0.25 apart, no multiple of 0.5; inputs of one case differ from each other. */
  | "apart";

/** One input that is differentiated. */
export interface FloatInput {
  readonly name: string;
  readonly dims: readonly number[];
  readonly domain: Domain;
  /** Part of a case's path, but not asked for: see `Inputs.unwanted`. */
  readonly wanted: boolean;
}

/** Declares the inputs of a case's graph: `x0`, `x1`, .. */
export class Inputs {
  readonly floats: FloatInput[] = [];
  readonly data: Record<string, Tensor> = {};

  constructor(readonly graph: GraphBuilder, readonly dtype: CheckedType) {}

  /** An input to differentiate by. */
  x(shape: Shape, domain: Domain = "any"): Value {
    return this.#float(shape, domain, true);
  }

  /** An input that varies nothing: no cotangent is asked for it. */
  unwanted(shape: Shape, domain: Domain = "any"): Value {
    return this.#float(shape, domain, false);
  }

  /** An int64 input with these values, over and over. */
  indices(shape: Shape, values: readonly number[], dtype: "int64" | "int32" = "int64"): Value {
    const dims = sizesOf(shape);
    const filled = Array.from({ length: count(dims) }, (_, i) => values[i % values.length] ?? 0);
    return this.#data(
      shape,
      dtype === "int64"
        ? tensor("int64", dims, BigInt64Array.from(filled, BigInt))
        : tensor("int32", dims, Int32Array.from(filled)),
    );
  }

  /** A bool input that is true at every element whose number is not divisible by 3. */
  condition(shape: Shape): Value {
    const dims = sizesOf(shape);
    const data = Uint8Array.from({ length: count(dims) }, (_, i) => (i % 3 === 0 ? 0 : 1));
    return this.#data(shape, tensor("bool", dims, data));
  }

  #name(): string {
    return `x${this.floats.length + Object.keys(this.data).length}`;
  }

  #float(shape: Shape, domain: Domain, wanted: boolean): Value {
    const name = this.#name();
    this.floats.push({ name, dims: sizesOf(shape), domain, wanted });
    return this.graph.input(name, this.dtype, shape);
  }

  #data(shape: Shape, data: Tensor): Value {
    const name = this.#name();
    this.data[name] = data;
    return this.graph.input(name, data.dtype, shape);
  }
}

function sizesOf(shape: Shape): number[] {
  return shape.map((dim: Dim) => {
    const size = evaluateDim(dim, SIZES);
    if (size === undefined) throw new Error(`internal: "${dim}" has no size in SIZES`);
    return size;
  });
}

export function count(dims: readonly number[]): number {
  return dims.reduce((n, d) => n * d, 1);
}

/** Values for an input of a domain; `offset` (0 to 3) keeps the inputs of one case apart. */
export function draw(
  key: RandomKey,
  n: number,
  domain: Domain,
  offset: number,
): Float64Array<ArrayBuffer> {
  switch (domain) {
    case "any":
      return Float64Array.from(normals(key, 0, n));
    case "positive":
      return Float64Array.from(uniforms(key, 0, n), (u) => 0.5 + 2 * u);
    case "nonzero":
      return Float64Array.from(uniforms(key, 0, n), (u) => (u < 0.5 ? -2.5 + 4 * u : 4 * u - 1.5));
    case "apart":
      return Float64Array.from(permutation(key, n), (k) => (k - (n >> 1)) + 0.125 + 0.25 * offset);
  }
}

/** A tensor of the checked type. */
export function floats(dtype: DType, dims: readonly number[], values: Iterable<number>): Tensor {
  return dtype === "float64"
    ? tensor("float64", dims, Float64Array.from(values))
    : tensor("float32", dims, Float32Array.from(values));
}
