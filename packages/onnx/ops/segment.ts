import type { Tensor } from "@decorum/tensor";
import { addDims, divideDims, subDims } from "../dims.ts";
import type { Dim, Shape, Value } from "../graph.ts";
import type { InferContext, OpSchema } from "../schemas.ts";
import { emit, emitAll, emitLifted, graphOf, int64Vector, lift, type Operand } from "./emit.ts";
import {
  expectSingle,
  inputType,
  intAttribute,
  knownInts,
  misfit,
  normalAxes,
  normalAxis,
  schema,
  sharedDtype,
  vectorLength,
} from "./infer.ts";
import { type Sizes, sizesValue } from "./shape.ts";

/** Cutting values apart, joining them, and making new ones of a given size. */

function sliceAxes(context: InferContext, rank: number): number[] {
  const count = vectorLength(context, 1, "starts");
  if (vectorLength(context, 2, "ends") !== count) {
    throw misfit(context, "starts and ends must have the same length");
  }
  const axes = context.inputs[3]
    ? knownInts(context, 3, "axes")
    : Array.from({ length: count }, (_, i) => i);
  if (axes.length !== count) throw misfit(context, "starts and axes must have the same length");
  return normalAxes(context, axes, rank);
}

export const segmentSchemas: readonly OpSchema[] = [
  schema({
    opType: "Concat",
    sinceVersion: 13,
    inputs: [1, Infinity],
    attributes: { axis: "int" },
    infer(context) {
      const dtype = sharedDtype(context);
      const first = inputType(context, 0).shape;
      if (context.attributes.axis === undefined) {
        throw misfit(context, `attribute "axis" is missing`);
      }
      const axis = normalAxis(context, intAttribute(context, "axis", 0), first.length);
      let size: Dim = 0;
      for (let i = 0; i < context.inputs.length; i++) {
        const { shape } = inputType(context, i);
        if (shape.length !== first.length || shape.some((d, a) => a !== axis && d !== first[a])) {
          throw misfit(context, `input ${i} differs from input 0 at another axis than ${axis}`);
        }
        size = addDims(size, shape[axis]!);
      }
      return { dtype, shape: first.with(axis, size) };
    },
    inferDims(context) {
      const parts = context.inputs.map((_, i) => context.dims(i));
      return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
    },
  }),
  schema({
    opType: "Split",
    sinceVersion: 18,
    inputs: [1, 2],
    outputs: [1, Infinity],
    attributes: { axis: "int", num_outputs: "int" },
    infer(context) {
      const { dtype, shape } = inputType(context, 0);
      const axis = normalAxis(context, intAttribute(context, "axis", 0), shape.length);
      const sizes = splitSizes(context, shape[axis]!);
      return sizes.map((size) => ({ dtype, shape: shape.with(axis, size) }));
    },
  }),
  schema({
    opType: "Slice",
    sinceVersion: 13,
    inputs: [3, 5],
    infer(context) {
      const { dtype, shape } = inputType(context, 0);
      const [starts, ends] = [context.dims(1), context.dims(2)];
      const steps = context.inputs[4] ? knownInts(context, 4, "steps") : undefined;
      const out: Dim[] = [...shape];
      for (const [i, axis] of sliceAxes(context, shape.length).entries()) {
        out[axis] = sliceDim(shape[axis]!, starts?.[i], ends?.[i], steps?.[i] ?? 1) ??
          context.freshDim();
      }
      return { dtype, shape: out };
    },
    inferDims(context) {
      const [dims, start, end] = [context.dims(0), context.dims(1)?.[0], context.dims(2)?.[0]];
      const step = context.inputs[4] ? context.dims(4)?.[0] : 1;
      if (!dims || typeof start !== "number" || typeof end !== "number" || step !== 1) {
        return undefined;
      }
      return dims.slice(start, end);
    },
  }),
  schema({
    opType: "Pad",
    sinceVersion: 24,
    inputs: [2, 4],
    attributes: { mode: "string" },
    infer(context) {
      const { dtype, shape } = inputType(context, 0);
      const axes = context.inputs[3]
        ? normalAxes(context, knownInts(context, 3, "axes"), shape.length)
        : shape.map((_, axis) => axis);
      if (vectorLength(context, 1, "pads") !== 2 * axes.length) {
        throw misfit(context, `pads must have ${2 * axes.length} numbers`);
      }
      if (context.inputs[2]) {
        sharedDtype(context, [0, 2]);
        expectSingle(context, 2, "value");
      }
      const pads = context.dims(1);
      const out: Dim[] = [...shape];
      for (const [i, axis] of axes.entries()) {
        out[axis] = pads
          ? addDims(addDims(shape[axis]!, pads[i]!), pads[i + axes.length]!)
          : context.freshDim();
      }
      return { dtype, shape: out };
    },
  }),
  schema({
    opType: "ConstantOfShape",
    sinceVersion: 24,
    inputs: 1,
    attributes: { value: "tensor" },
    infer(context) {
      const length = vectorLength(context, 0, "shape");
      const value = context.attributes.value as Tensor | undefined;
      const shape = context.dims(0) ?? Array.from({ length }, () => context.freshDim());
      return { dtype: value?.dtype ?? "float32", shape };
    },
  }),
  schema({
    opType: "Range",
    sinceVersion: 11,
    inputs: 3,
    infer(context) {
      const dtype = sharedDtype(context);
      for (const i of [0, 1, 2]) expectSingle(context, i, "a bound");
      return { dtype, shape: [rangeLength(context) ?? context.freshDim()] };
    },
  }),
];

function splitSizes(context: InferContext, size: Dim): Shape {
  const count = context.outputCount;
  if (context.inputs[1]) {
    if (vectorLength(context, 1, "split") !== count) {
      throw misfit(context, `split must have ${count} sizes, one for each output`);
    }
    const sizes = context.dims(1) ?? Array.from({ length: count }, () => context.freshDim());
    const sum = sizes.reduce(addDims, 0);
    if (typeof sum === "number" && typeof size === "number" && sum !== size) {
      throw misfit(context, `the sizes [${sizes}] do not sum to ${size}`);
    }
    return sizes;
  }
  const parts = intAttribute(context, "num_outputs", count);
  if (parts !== count) throw misfit(context, `num_outputs is ${parts} but ${count} are taken`);
  if (typeof size === "number") {
    const part = Math.ceil(size / count);
    return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(part, size - i * part)));
  }
  const part = divideDims(size, count);
  return Array.from({ length: count }, () => part ?? context.freshDim());
}

function rangeLength(context: InferContext): Dim | undefined {
  const [start, limit, delta] = [0, 1, 2].map((i) => context.dims(i)?.[0] ?? floatOf(context, i));
  if (start === undefined || limit === undefined || delta === undefined) return undefined;
  if (delta === 0) throw misfit(context, "the step is 0");
  if (typeof start === "number" && typeof limit === "number" && typeof delta === "number") {
    return Math.max(0, Math.ceil((limit - start) / delta));
  }
  return delta === 1 &&
      [start, limit].every((dim) => typeof dim === "string" || Number.isInteger(dim))
    ? subDims(limit, start)
    : undefined;
}

function floatOf(context: InferContext, i: number): number | undefined {
  const tensor = context.constant(i);
  return tensor?.dtype === "float32" || tensor?.dtype === "float64"
    ? Number(tensor.data[0])
    : undefined;
}

/** Values joined along an axis. */
export function concat(values: readonly Value[], axis: number): Value {
  return emit("Concat", values, { axis });
}

/** `x` cut along an axis: into pieces of these sizes, or into a number of equal ones (the last may be smaller). */
export function split(x: Value, sizes: readonly number[] | number, axis: number): Value[] {
  return typeof sizes === "number"
    ? emitAll("Split", [x], { axis, num_outputs: sizes }, { outputs: sizes })
    : emitAll("Split", [x, int64Vector(x.graph, sizes)], { axis }, { outputs: sizes.length });
}

/** `x[start:end:step]` along each of the axes (0, 1, ... by default); negative bounds count from the end. */
export function slice(
  x: Value,
  starts: Sizes,
  ends: Sizes,
  axes?: readonly number[],
  steps?: readonly number[],
): Value {
  return emit("Slice", [
    x,
    sizesValue(x, starts),
    sizesValue(x, ends),
    axes && int64Vector(x.graph, axes),
    steps && int64Vector(x.graph, steps),
  ]);
}

interface PadOptions {
  /** What is put in; default 0. */
  readonly value?: Operand;
  /** Axes that `pads` speaks of; all by default. */
  readonly axes?: readonly number[];
  readonly mode?: "constant" | "reflect" | "edge" | "wrap";
}

/** `x` with elements added: `pads` is all begins, then all ends; a negative number cuts. */
export function pad(x: Value, pads: Sizes, options: PadOptions = {}): Value {
  const sizes = sizesValue(x, pads);
  const graph = graphOf("Pad", [x, sizes, options.value]);
  return graph.op("Pad", [
    x,
    sizes,
    lift(graph, options.value, x.dtype),
    options.axes && int64Vector(graph, options.axes),
  ], { mode: options.mode });
}

/** A value of the given shape (int64 vector), each element `fill`'s one element. */
export function constantOfShape(shape: Value, fill: Tensor): Value {
  return emit("ConstantOfShape", [shape], { value: { ...fill, dims: [1] } });
}

/** `start, start + delta, ...` up to before `limit`; scalars of one type. */
export function range(start: Operand, limit: Operand, delta: Operand = 1): Value {
  return emitLifted("Range", [start, limit, delta]);
}

/** Bounds at least this large mean "to the end". */
const OPEN = 2 ** 31 - 1;

/**
 * Size that `[start:end:step]` leaves of a dimension; `undefined` where only the run knows it. A symbol is
 * taken to be as large as what is cut from its ends (`k:`, `:-k`), and at least 1; but `:k` of a symbol may
 * be a truncation and stays unknown.
 */
export function sliceDim(
  dim: Dim,
  start: Dim | undefined,
  end: Dim | undefined,
  step: number,
): Dim | undefined {
  if (start === undefined || end === undefined || step === 0) return undefined;
  if (typeof dim === "number" && typeof start === "number" && typeof end === "number") {
    return sliceLength(dim, start, end, step);
  }
  if (step === -1) {
    return typeof start === "number" && typeof end === "number" &&
        (start === -1 || start >= OPEN) && end <= -OPEN
      ? dim
      : undefined;
  }
  if (step !== 1) return undefined;
  if (start === -1 && open(end)) return 1;
  if (typeof start === "number" && start < 0) return undefined;
  if (open(end)) return subDims(dim, start);
  if (typeof end === "number") {
    if (end < 0) return subDims(addDims(dim, end), start);
    return start === end - 1 ? 1 : undefined;
  }
  return subDims(end, start);
}

function open(end: Dim): boolean {
  return typeof end === "number" && end >= OPEN;
}

function sliceLength(size: number, start: number, end: number, step: number): number {
  const fromEnd = (bound: number) => (bound < 0 ? bound + size : bound);
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const limit = (bound: number) => Math.min(Math.max(bound, low), high);
  return Math.max(0, Math.ceil((limit(fromEnd(end)) - limit(fromEnd(start))) / step));
}
