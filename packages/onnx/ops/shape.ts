import { divideDims, mulDims, productOfDims, remainingDim, showShape } from "../dims.ts";
import type { Dim, Value } from "../graph.ts";
import type { InferContext, OpSchema } from "../schemas.ts";
import { emit, graphOf, int64Vector } from "./emit.ts";
import {
  broadcastShapes,
  expectDtype,
  inputType,
  intAttribute,
  intsAttribute,
  knownInts,
  misfit,
  normalAxes,
  schema,
  vectorLength,
} from "./infer.ts";

/** A list of sizes, or an int64 vector that the graph computes. */
export type Sizes = readonly number[] | Value;

/** The sizes as a value, in the graph where an operator on `x` and them belongs. */
export function sizesValue(x: Value, sizes: Sizes): Value {
  return isList(sizes) ? int64Vector(x.graph, sizes) : sizes;
}

function isList(sizes: Sizes): sizes is readonly number[] {
  return Array.isArray(sizes);
}

function shapeRange(context: InferContext): Dim[] {
  const { shape } = inputType(context, 0);
  return shape.slice(
    intAttribute(context, "start", 0),
    intAttribute(context, "end", shape.length),
  );
}

export const shapeSchemas: readonly OpSchema[] = [
  schema({
    opType: "Reshape",
    sinceVersion: 24,
    inputs: 2,
    attributes: { allowzero: "int" },
    infer: (context) => ({ dtype: inputType(context, 0).dtype, shape: inferReshape(context) }),
    inferDims: (context) => context.dims(0),
  }),
  schema({
    opType: "Transpose",
    sinceVersion: 24,
    inputs: 1,
    attributes: { perm: "ints" },
    infer(context) {
      const { dtype, shape } = inputType(context, 0);
      const perm = intsAttribute(context, "perm") ?? shape.map((_, i) => shape.length - 1 - i);
      if (perm.length !== shape.length || perm.toSorted((a, b) => a - b).some((p, i) => p !== i)) {
        throw misfit(context, `perm [${perm}] is no permutation of ${shape.length} axes`);
      }
      return { dtype, shape: perm.map((axis) => shape[axis]!) };
    },
  }),
  schema({
    opType: "Squeeze",
    sinceVersion: 24,
    inputs: [1, 2],
    infer(context) {
      const { dtype, shape } = inputType(context, 0);
      if (!context.inputs[1]) return { dtype, shape: shape.filter((dim) => dim !== 1) };
      const axes = normalAxes(context, knownInts(context, 1, "axes"), shape.length);
      const wrong = axes.find((axis) => shape[axis] !== 1);
      if (wrong !== undefined) {
        throw misfit(context, `axis ${wrong} has size ${shape[wrong]}, not 1`);
      }
      return { dtype, shape: shape.filter((_, axis) => !axes.includes(axis)) };
    },
    inferDims: (context) => context.dims(0),
  }),
  schema({
    opType: "Unsqueeze",
    sinceVersion: 24,
    inputs: 2,
    infer(context) {
      const { dtype, shape } = inputType(context, 0);
      const given = knownInts(context, 1, "axes");
      const rank = shape.length + given.length;
      const axes = normalAxes(context, given, rank);
      const rest = [...shape];
      const out = Array.from(
        { length: rank },
        (_, axis) => axes.includes(axis) ? 1 : rest.shift()!,
      );
      return { dtype, shape: out };
    },
    inferDims: (context) => context.dims(0),
  }),
  schema({
    opType: "Expand",
    sinceVersion: 13,
    inputs: 2,
    infer(context) {
      const { dtype, shape } = inputType(context, 0);
      const length = vectorLength(context, 1, "shape");
      const dims = context.dims(1) ?? Array.from({ length }, () => context.freshDim());
      return { dtype, shape: broadcastShapes(context, shape, dims) };
    },
  }),
  schema({
    opType: "Shape",
    sinceVersion: 24,
    inputs: 1,
    attributes: { start: "int", end: "int" },
    infer: (context) => ({ dtype: "int64", shape: [shapeRange(context).length] }),
    inferDims: shapeRange,
  }),
  schema({
    opType: "Size",
    sinceVersion: 24,
    inputs: 1,
    infer: () => ({ dtype: "int64", shape: [] }),
    inferDims: (context) => [productOfDims(inputType(context, 0).shape)],
  }),
  schema({
    opType: "Tile",
    sinceVersion: 13,
    inputs: 2,
    infer(context) {
      const { dtype, shape } = inputType(context, 0);
      expectDtype(context, 1, "int64");
      if (vectorLength(context, 1, "repeats") !== shape.length) {
        throw misfit(context, "repeats must have one number for each axis");
      }
      const repeats = context.dims(1);
      return {
        dtype,
        shape: shape.map((dim, i) => (repeats ? mulDims(dim, repeats[i]!) : context.freshDim())),
      };
    },
  }),
  schema({
    opType: "Trilu",
    sinceVersion: 14,
    inputs: [1, 2],
    attributes: { upper: "int" },
    infer(context) {
      const type = inputType(context, 0);
      if (type.shape.length < 2) throw misfit(context, "input 0 must have at least 2 axes");
      if (context.inputs[1]) expectDtype(context, 1, "int64");
      return type;
    },
  }),
];

/** `x` in another shape: 0 copies the dimension at that place, one -1 takes what is left. */
export function reshape(x: Value, dims: Sizes): Value {
  return emit("Reshape", [x, sizesValue(x, dims)]);
}

/** `x` in the shape of `like`, which has as many elements. */
export function reshapeLike(x: Value, like: Value): Value {
  // With allowzero an empty batch keeps its zero instead of copying a dimension of x.
  return emit("Reshape", [x, shapeOf(like)], { allowzero: 1 });
}

/** Axes in another order; reversed by default. */
export function transpose(x: Value, perm?: readonly number[]): Value {
  return emit("Transpose", [x], { perm });
}

/** Removes axes of size 1 (all such axes by default). */
export function squeeze(x: Value, axes?: readonly number[]): Value {
  return emit("Squeeze", [x, axes && int64Vector(x.graph, axes)]);
}

/** Inserts axes of size 1 at these places of the result. */
export function unsqueeze(x: Value, axes: readonly number[]): Value {
  return emit("Unsqueeze", [x, int64Vector(x.graph, axes)]);
}

/** `x` stretched to the shape that it and `shape` broadcast to. */
export function expand(x: Value, shape: Sizes): Value {
  return emit("Expand", [x, sizesValue(x, shape)]);
}

/** `x` stretched to the shape that it and `like` broadcast to. */
export function expandLike(x: Value, like: Value): Value {
  return emit("Expand", [x, shapeOf(like)]);
}

/** Sizes of the axes from `start` to before `end` (all by default) as an int64 vector. */
export function shapeOf(x: Value, range: { start?: number; end?: number } = {}): Value {
  const dims = x.shape.slice(range.start ?? 0, range.end);
  if (dims.every((dim) => typeof dim === "number")) return int64Vector(x.graph, dims as number[]);
  return emit("Shape", [x], range);
}

/** Number of elements, an int64 scalar. */
export const sizeOf = (x: Value): Value => emit("Size", [x]);

/** `x` repeated along each axis. */
export function tile(x: Value, repeats: Sizes): Value {
  return emit("Tile", [x, sizesValue(x, repeats)]);
}

interface TriluOptions {
  /** Keep the upper (default) or the lower triangle. */
  readonly upper?: boolean;
  /** Diagonal at which the kept triangle begins; default 0. */
  readonly k?: number;
}

/** The triangle of the last two axes, zero elsewhere. */
export function trilu(x: Value, options: TriluOptions = {}): Value {
  const graph = graphOf("Trilu", [x]);
  const k = options.k === undefined ? undefined : graph.scalar(options.k, "int64");
  return graph.op("Trilu", [x, k], { upper: options.upper === false ? 0 : 1 });
}

/** Shape of Reshape: 0 copies (unless allowzero), -1 is what is left; a size not known gets a fresh symbol. */
function inferReshape(context: InferContext): Dim[] {
  const { shape } = inputType(context, 0);
  const length = vectorLength(context, 1, "shape");
  const target = context.dims(1);
  if (!target) return Array.from({ length }, () => context.freshDim());
  const copies = intAttribute(context, "allowzero", 0) === 0;
  const dims = target.map((dim, i): Dim => {
    if (dim !== 0 || !copies) return dim;
    const copied = shape[i];
    if (copied === undefined) throw misfit(context, `0 at ${i} of the shape copies no dimension`);
    return copied;
  });
  const inferred = dims.indexOf(-1);
  if (inferred !== dims.lastIndexOf(-1)) throw misfit(context, `${showShape(dims)} has two -1`);
  const wrong = dims.find((dim) => typeof dim === "number" && dim < -1);
  if (wrong !== undefined) throw misfit(context, `${wrong} is no size`);
  if (inferred >= 0) {
    const known = dims.toSpliced(inferred, 1);
    const rest = remainingDim(shape, known);
    const [from, by] = [productOfDims(shape), productOfDims(known)];
    if (rest === undefined && typeof from === "number" && typeof by === "number") {
      throw misfit(context, `${from} elements do not fit the shape ${showShape(dims)}`);
    }
    dims[inferred] = rest ?? context.freshDim();
    return dims;
  }
  const ratio = divideDims(productOfDims(shape), productOfDims(dims)) ??
    divideDims(productOfDims(dims), productOfDims(shape));
  const counts = [productOfDims(shape), productOfDims(dims)];
  const differ = typeof ratio === "number"
    ? ratio !== 1
    : counts.every((count) => typeof count === "number") && counts[0] !== counts[1];
  if (differ) {
    throw misfit(context, `${counts[0]} elements do not fit the shape ${showShape(dims)}`);
  }
  return dims;
}
