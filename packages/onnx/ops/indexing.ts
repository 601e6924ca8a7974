import { castTensor, type DType, float32 } from "@decorum/tensor";
import { sameShape, showShape } from "../dims.ts";
import type { Dim, Value } from "../graph.ts";
import type { InferContext, OpSchema } from "../schemas.ts";
import { emit, graphOf, lift, type Operand } from "./emit.ts";
import {
  expectDtype,
  expectSameShape,
  expectSingle,
  inputType,
  intAttribute,
  misfit,
  normalAxis,
  schema,
  sharedDtype,
} from "./infer.ts";

function expectIndices(context: InferContext): void {
  expectDtype(context, 1, "int64", "int32");
}

function axisOfData(context: InferContext, otherwise: number): number {
  const { shape } = inputType(context, 0);
  return normalAxis(context, intAttribute(context, "axis", otherwise), shape.length);
}

function expectSameRank(context: InferContext): void {
  if (inputType(context, 0).shape.length !== inputType(context, 1).shape.length) {
    throw misfit(context, "data and indices must have the same rank");
  }
}

/** Shape of what `indices` picks from `data`: GatherND's result and ScatterND's updates. */
function pickedShape(context: InferContext, batchDims: number): Dim[] {
  const [data, indices] = [inputType(context, 0).shape, inputType(context, 1).shape];
  const depth = indices.at(-1);
  if (typeof depth !== "number") {
    throw misfit(context, "the last dimension of indices must be a known number");
  }
  if (batchDims + depth > data.length || batchDims >= indices.length) {
    throw misfit(context, `indices of depth ${depth} do not fit rank ${data.length}`);
  }
  if (!sameShape(data.slice(0, batchDims), indices.slice(0, batchDims))) {
    throw misfit(context, `the first ${batchDims} dimensions of data and indices must be equal`);
  }
  return [...indices.slice(0, -1), ...data.slice(batchDims + depth)];
}

export const indexingSchemas: readonly OpSchema[] = [
  schema({
    opType: "Gather",
    sinceVersion: 13,
    inputs: 2,
    attributes: { axis: "int" },
    infer(context) {
      expectIndices(context);
      const { dtype, shape } = inputType(context, 0);
      const axis = axisOfData(context, 0);
      return { dtype, shape: shape.toSpliced(axis, 1, ...inputType(context, 1).shape) };
    },
    inferDims(context) {
      const [data, indices] = [context.dims(0), context.dims(1)];
      if (!data || !indices) return undefined;
      const picked = indices.map((i) => (typeof i === "number" ? data.at(i) : undefined));
      return picked.every((dim) => dim !== undefined) ? picked : undefined;
    },
  }),
  schema({
    opType: "GatherElements",
    sinceVersion: 13,
    inputs: 2,
    attributes: { axis: "int" },
    infer(context) {
      expectIndices(context);
      expectSameRank(context);
      axisOfData(context, 0);
      return { dtype: inputType(context, 0).dtype, shape: inputType(context, 1).shape };
    },
  }),
  schema({
    opType: "GatherND",
    sinceVersion: 13,
    inputs: 2,
    attributes: { batch_dims: "int" },
    infer(context) {
      expectDtype(context, 1, "int64");
      const shape = pickedShape(context, intAttribute(context, "batch_dims", 0));
      return { dtype: inputType(context, 0).dtype, shape };
    },
  }),
  schema({
    opType: "ScatterElements",
    sinceVersion: 18,
    inputs: 3,
    attributes: { axis: "int", reduction: "string" },
    infer(context) {
      expectIndices(context);
      expectSameRank(context);
      expectSameShape(context, 1, 2);
      sharedDtype(context, [0, 2]);
      axisOfData(context, 0);
      return inputType(context, 0);
    },
  }),
  schema({
    opType: "ScatterND",
    sinceVersion: 18,
    inputs: 3,
    attributes: { reduction: "string" },
    infer(context) {
      expectDtype(context, 1, "int64");
      sharedDtype(context, [0, 2]);
      const expected = pickedShape(context, 0);
      if (!sameShape(expected, inputType(context, 2).shape)) {
        throw misfit(context, `updates must have shape ${showShape(expected)}`);
      }
      return inputType(context, 0);
    },
  }),
  schema({
    opType: "OneHot",
    sinceVersion: 11,
    inputs: 3,
    attributes: { axis: "int" },
    infer(context) {
      const { shape } = inputType(context, 0);
      expectSingle(context, 1, "depth");
      const values = inputType(context, 2);
      if (!sameShape(values.shape, [2])) throw misfit(context, "values must have shape [2]");
      const axis = normalAxis(context, intAttribute(context, "axis", -1), shape.length + 1);
      const depth = context.dims(1)?.[0] ?? context.freshDim();
      return { dtype: values.dtype, shape: shape.toSpliced(axis, 0, depth) };
    },
  }),
  schema({
    opType: "TensorScatter",
    sinceVersion: 24,
    inputs: [2, 3],
    attributes: { axis: "int", mode: "string" },
    infer(context) {
      sharedDtype(context, [0, 1]);
      const [cache, update] = [inputType(context, 0), inputType(context, 1)];
      const axis = axisOfData(context, -2);
      if (axis === 0) throw misfit(context, "axis 0 is the batch and cannot be written along");
      if (
        cache.shape.length !== update.shape.length ||
        cache.shape.some((dim, i) => i !== axis && dim !== update.shape[i])
      ) throw misfit(context, `cache and update may differ at axis ${axis} only`);
      if (context.inputs[2]) {
        expectDtype(context, 2, "int64");
        if (!sameShape(inputType(context, 2).shape, cache.shape.slice(0, 1))) {
          throw misfit(context, `write indices must have shape [${cache.shape[0]}]`);
        }
      }
      return cache;
    },
  }),
  schema({
    opType: "NonZero",
    sinceVersion: 13,
    inputs: 1,
    infer: (context) => ({
      dtype: "int64",
      shape: [inputType(context, 0).shape.length, context.freshDim()],
    }),
  }),
];

/** What repeated writes to one place do; "none" keeps one of them. */
type ScatterReduction = "none" | "add" | "mul" | "max" | "min";

/** Slices of `data` along an axis by index; the axis is replaced by the dimensions of `indices`. */
export function gather(data: Value, indices: Operand, axis = 0): Value {
  const graph = graphOf("Gather", [data, indices]);
  return graph.op("Gather", [data, lift(graph, indices, "int64")], { axis });
}

/** `data[.., indices[.., i, ..], ..]`: one element for each of `indices`, which has the rank of `data`. */
export function gatherElements(data: Value, indices: Value, axis: number): Value {
  return emit("GatherElements", [data, indices], { axis });
}

/** Slices of `data` by index tuples, the last dimension of `indices`. */
export function gatherND(data: Value, indices: Value, batchDims = 0): Value {
  return emit("GatherND", [data, indices], { batch_dims: batchDims });
}

/** `data` with `updates` written where GatherElements would read. */
export function scatterElements(
  data: Value,
  indices: Value,
  updates: Value,
  options: { readonly axis?: number; readonly reduction?: ScatterReduction } = {},
): Value {
  return emit("ScatterElements", [data, indices, updates], {
    axis: options.axis ?? 0,
    reduction: options.reduction ?? "none",
  });
}

/** `data` with `updates` written where GatherND would read. */
export function scatterND(
  data: Value,
  indices: Value,
  updates: Value,
  reduction: ScatterReduction = "none",
): Value {
  return emit("ScatterND", [data, indices, updates], { reduction });
}

interface OneHotOptions {
  /** Element type of the result; default float32. */
  readonly dtype?: DType;
  /** Where the new axis lies in the result; default -1. */
  readonly axis?: number;
}

/** 1 at each index and 0 elsewhere along a new axis of size `depth`. */
export function oneHot(indices: Value, depth: Operand, options: OneHotOptions = {}): Value {
  const graph = graphOf("OneHot", [indices, depth]);
  const dtype = options.dtype ?? "float32";
  const values = graph.constant(castTensor(float32([2], [0, 1]), dtype));
  return graph.op("OneHot", [indices, lift(graph, depth, "int64"), values], {
    axis: options.axis ?? -1,
  });
}

interface TensorScatterOptions {
  /** The sequence axis; default -2. */
  readonly axis?: number;
  /** What happens past the end: an error, or going on at the beginning. */
  readonly mode?: "linear" | "circular";
}

/**
 * A cache `[batch, .., length, ..]` with `update` `[batch, .., count, ..]` written from `writeIndices[batch]`
 * (int64; 0 by default) on along the sequence axis.
 */
export function tensorScatter(
  cache: Value,
  update: Value,
  writeIndices?: Value,
  options: TensorScatterOptions = {},
): Value {
  return emit("TensorScatter", [cache, update, writeIndices], {
    axis: options.axis ?? -2,
    mode: options.mode,
  });
}

/** Indices of the elements that are not zero, one column each: int64 `[rank, count]`. */
export const nonZero = (x: Value): Value => emit("NonZero", [x]);
