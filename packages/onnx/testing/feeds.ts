/** Feeds of test graphs, and a check of what they give. */
import assert from "node:assert/strict";
import {
  castTensor,
  type DType,
  elementCount,
  float32,
  isFloat,
  type Tensor,
} from "@decorum/tensor";
import type { Feeds } from "@decorum/testing/graph";
import { evaluateDim, type Graph, type ValueType } from "../mod.ts";
import { isSymbol } from "../dims.ts";

/** Sizes of the symbols in the shapes of test graphs; all different, so that a mix-up shows. */
export const SIZES: ReadonlyMap<string, number> = new Map([["b", 2], ["s", 3], ["t", 5], ["d", 4]]);

/** Feeds for every input: small integers, positive so that logarithms and indices stay in range. */
export function someFeeds(graph: Graph, sizes: ReadonlyMap<string, number> = SIZES): Feeds {
  let n = 0;
  return Object.fromEntries(graph.inputs.map(({ name, type }) => {
    const dims = type.shape.map((dim) => evaluateDim(dim, sizes)!);
    const values = Array.from({ length: elementCount(dims) }, () => ++n % 2);
    return [name, fill(type.dtype, dims, values)];
  }));
}

function fill(dtype: DType, dims: readonly number[], values: readonly number[]): Tensor {
  const fraction = (i: number) => (isFloat(dtype) ? 0.1 * (i % 7) + 0.1 : 0);
  return castTensor(float32(dims, values.map((v, i) => v + fraction(i))), dtype);
}

/** Demands that a result has the inferred type; a symbol seen for the first time is bound to its size. */
export function assertType(
  result: Tensor,
  type: ValueType,
  sizes: Map<string, number>,
  what: string,
): void {
  assert.equal(result.dtype, type.dtype, what);
  assert.equal(result.dims.length, type.shape.length, `${what}: rank of [${result.dims}]`);
  for (const [axis, dim] of type.shape.entries()) {
    const size = result.dims[axis]!;
    if (isSymbol(dim) && !sizes.has(dim)) sizes.set(dim, size);
    assert.equal(size, evaluateDim(dim, sizes), `${what}: axis ${axis}, inferred as ${dim}`);
  }
}
