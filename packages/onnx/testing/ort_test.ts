/** Runs graphs on onnxruntime for the tests of this folder; the library itself never loads it. */
import assert from "node:assert/strict";
import {
  arrayOf,
  castTensor,
  type DType,
  elementCount,
  float32,
  isFloat,
  type Tensor,
  tensor,
} from "@decorum/tensor";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { encodeModel, evaluateDim, type Graph, type ValueType } from "../mod.ts";
import { isSymbol } from "../dims.ts";

type Feeds = Readonly<Record<string, Tensor>>;

/** Sizes of the symbols in the shapes of test graphs; all different, so that a mix-up shows. */
export const SIZES: ReadonlyMap<string, number> = new Map([["b", 2], ["s", 3], ["t", 5], ["d", 4]]);

export async function runGraph(
  graph: Graph,
  feeds: Feeds,
  options: InferenceSession.SessionOptions = { graphOptimizationLevel: "disabled" },
): Promise<Record<string, Tensor>> {
  const session = await InferenceSession.create(encodeModel(graph), {
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
    ...options,
  });
  try {
    const entries = Object.entries(feeds).map(([name, { dtype, dims, data }]) =>
      [name, new OrtTensor(dtype as "float32", data as Float32Array, dims)] as const
    );
    const results = await session.run(Object.fromEntries(entries));
    return Object.fromEntries(
      Object.entries(results).map(([name, { type, dims, data }]) => {
        const dtype = type as DType;
        const raw = data as Float32Array<ArrayBuffer>;
        const bytes = new arrayOf[dtype](raw.buffer, raw.byteOffset, elementCount(dims));
        return [name, tensor(dtype, dims, bytes as Float32Array<ArrayBuffer>)];
      }),
    );
  } finally {
    await session.release();
  }
}

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
