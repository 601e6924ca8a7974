import type { Dim, Value } from "../graph.ts";
import type { InferContext, OpSchema } from "../schemas.ts";
import { emit, emitAll, int64Vector, type Operand } from "./emit.ts";
import {
  expectDtype,
  expectSingle,
  inputType,
  intAttribute,
  knownInts,
  misfit,
  normalAxes,
  normalAxis,
  schema,
} from "./infer.ts";

function reduce(opType: string, sinceVersion: number): OpSchema {
  return schema({
    opType,
    sinceVersion,
    inputs: [1, 2],
    attributes: { keepdims: "int", noop_with_empty_axes: "int" },
    infer(context) {
      const { dtype, shape } = inputType(context, 0);
      if (dtype === "bool") throw misfit(context, "input 0 must be a number, not bool");
      const given = context.inputs[1] ? knownInts(context, 1, "axes") : [];
      if (given.length === 0 && intAttribute(context, "noop_with_empty_axes", 0)) {
        return { dtype, shape };
      }
      const axes = given.length === 0
        ? shape.map((_, axis) => axis)
        : normalAxes(context, given, shape.length);
      return { dtype, shape: dropAxes(context, axes) };
    },
  });
}

function dropAxes(context: InferContext, axes: readonly number[]): Dim[] {
  const keep = intAttribute(context, "keepdims", 1) !== 0;
  return inputType(context, 0).shape.flatMap((dim, axis) =>
    axes.includes(axis) ? (keep ? [1] : []) : [dim]
  );
}

export const reductionSchemas: readonly OpSchema[] = [
  reduce("ReduceSum", 13),
  reduce("ReduceMean", 18),
  reduce("ReduceMax", 20),
  reduce("ReduceMin", 20),
  schema({
    opType: "ArgMax",
    sinceVersion: 13,
    inputs: 1,
    attributes: { axis: "int", keepdims: "int", select_last_index: "int" },
    infer(context) {
      const { shape } = inputType(context, 0);
      const axis = normalAxis(context, intAttribute(context, "axis", 0), shape.length);
      return { dtype: "int64", shape: dropAxes(context, [axis]) };
    },
  }),
  schema({
    opType: "TopK",
    sinceVersion: 24,
    inputs: 2,
    outputs: 2,
    attributes: { axis: "int", largest: "int", sorted: "int" },
    infer(context) {
      const { dtype, shape } = inputType(context, 0);
      const axis = normalAxis(context, intAttribute(context, "axis", -1), shape.length);
      expectDtype(context, 1, "int64");
      if (inputType(context, 1).shape.length !== 1) throw misfit(context, "k must have shape [1]");
      expectSingle(context, 1, "k");
      const k = context.dims(1)?.[0] ?? context.freshDim();
      const size = shape[axis]!;
      if (typeof k === "number" && typeof size === "number" && k > size) {
        throw misfit(context, `k is ${k}, more than the ${size} elements of axis ${axis}`);
      }
      const out = shape.with(axis, k);
      return [{ dtype, shape: out }, { dtype: "int64", shape: out }];
    },
  }),
  schema({
    opType: "CumSum",
    sinceVersion: 14,
    inputs: 2,
    attributes: { exclusive: "int", reverse: "int" },
    infer(context) {
      expectDtype(context, 1, "int32", "int64");
      expectSingle(context, 1, "axis");
      const axis = context.dims(1)?.[0];
      const { shape } = inputType(context, 0);
      if (typeof axis === "number") normalAxis(context, axis, shape.length);
      return inputType(context, 0);
    },
  }),
];

function emitReduce(
  opType: string,
  x: Value,
  axes: readonly number[] | undefined,
  keepdims: boolean,
): Value {
  if (axes?.length === 0) return x;
  const list = axes && int64Vector(x.graph, axes);
  return emit(opType, [x, list], { keepdims: keepdims ? 1 : 0 });
}

/** Sum over the axes (all by default); no axes returns `x`. */
export function reduceSum(x: Value, axes?: readonly number[], keepdims = true): Value {
  return emitReduce("ReduceSum", x, axes, keepdims);
}

/** Mean over the axes (all by default); no axes returns `x`. */
export function reduceMean(x: Value, axes?: readonly number[], keepdims = true): Value {
  return emitReduce("ReduceMean", x, axes, keepdims);
}

/** Maximum over the axes (all by default); no axes returns `x`. */
export function reduceMax(x: Value, axes?: readonly number[], keepdims = true): Value {
  return emitReduce("ReduceMax", x, axes, keepdims);
}

/** Minimum over the axes (all by default); no axes returns `x`. */
export function reduceMin(x: Value, axes?: readonly number[], keepdims = true): Value {
  return emitReduce("ReduceMin", x, axes, keepdims);
}

/** Index (int64) of the largest element along an axis; the first of several. */
export function argMax(x: Value, axis: number, keepdims = true): Value {
  return emit("ArgMax", [x], { axis, keepdims: keepdims ? 1 : 0 });
}

interface TopKOptions {
  /** Default -1. */
  readonly axis?: number;
  /** Largest (default) or smallest elements. */
  readonly largest?: boolean;
  /** In order of size; default true. */
  readonly sorted?: boolean;
}

/** The `k` largest (or smallest) elements along an axis, and their indices (int64). A value `k` has shape `[1]`. */
export function topK(
  x: Value,
  k: Operand,
  options: TopKOptions = {},
): { values: Value; indices: Value } {
  const count = typeof k === "number" ? int64Vector(x.graph, [k]) : k;
  const [values, indices] = emitAll("TopK", [x, count], {
    axis: options.axis ?? -1,
    largest: options.largest === false ? 0 : 1,
    sorted: options.sorted === false ? 0 : 1,
  }, { outputs: 2 });
  return { values: values!, indices: indices! };
}

interface CumSumOptions {
  /** Leave each element itself out of its sum. */
  readonly exclusive?: boolean;
  /** Sum from the end. */
  readonly reverse?: boolean;
}

/** Running sum along an axis. */
export function cumSum(x: Value, axis: number, options: CumSumOptions = {}): Value {
  return emit("CumSum", [x, x.graph.scalar(axis, "int64")], {
    exclusive: options.exclusive ? 1 : 0,
    reverse: options.reverse ? 1 : 0,
  });
}
