import { type DType, InputError, isFloat } from "@decorum/tensor";
import { sameShape, showShape, showType } from "../dims.ts";
import type { Dim, Shape, ValueType } from "../graph.ts";
import type { AttributeKind, InferContext, OpSchema } from "../schemas.ts";

/** What schemas are made of: defaults for the common case, and the questions type inference asks. */

interface SchemaSpec {
  readonly opType: string;
  readonly sinceVersion: number;
  /** Number of inputs, or the fewest and the most. */
  readonly inputs: number | readonly [number, number];
  readonly optionalInputs?: readonly number[];
  /** Number of outputs, or the fewest and the most. Default 1. */
  readonly outputs?: number | readonly [number, number];
  readonly attributes?: Readonly<Record<string, AttributeKind>>;
  infer(context: InferContext): readonly ValueType[] | ValueType;
  inferDims?(context: InferContext): readonly Dim[] | undefined;
}

/** A schema from its essentials. */
export function schema(spec: SchemaSpec): OpSchema {
  const [minInputs, maxInputs] = bounds(spec.inputs);
  const [minOutputs, maxOutputs] = bounds(spec.outputs ?? 1);
  const inferDims = spec.inferDims?.bind(spec);
  return {
    opType: spec.opType,
    sinceVersion: spec.sinceVersion,
    minInputs,
    maxInputs,
    minOutputs,
    maxOutputs,
    attributes: spec.attributes ?? {},
    infer(context) {
      const types = spec.infer(context);
      return "dtype" in types ? [types] : types;
    },
    ...(spec.optionalInputs && { optionalInputs: spec.optionalInputs }),
    ...(inferDims && { inferDims }),
  };
}

function bounds(count: number | readonly [number, number]): readonly [number, number] {
  return typeof count === "number" ? [count, count] : count;
}

/** The error of inputs that do not fit: operator, node, what is wrong, and the types that came in. */
export function misfit(context: InferContext, problem: string): InputError {
  const types = context.inputs.map((type) => (type ? showType(type) : "none")).join(", ");
  return new InputError(
    `Cannot infer ${context.opType} node "${context.name}" from inputs (${types}): ${problem}`,
  );
}

/** Type of a required input. */
export function inputType(context: InferContext, i: number): ValueType {
  const type = context.inputs[i];
  if (!type) throw misfit(context, `input ${i} is missing`);
  return type;
}

/** Demands that an input has one of some element types. */
export function expectDtype(context: InferContext, i: number, ...dtypes: readonly DType[]): void {
  const type = inputType(context, i);
  if (!dtypes.includes(type.dtype)) {
    throw misfit(context, `input ${i} must be ${dtypes.join(" or ")}, not ${type.dtype}`);
  }
}

/** Demands a floating-point input. */
export function expectFloat(context: InferContext, i: number): void {
  const type = inputType(context, i);
  if (!isFloat(type.dtype)) throw misfit(context, `input ${i} must be a float, not ${type.dtype}`);
}

/** The element type that the given inputs share (all of them by default; omitted ones do not count). */
export function sharedDtype(context: InferContext, indices?: readonly number[]): DType {
  let shared: DType | undefined;
  for (const i of indices ?? context.inputs.keys()) {
    const type = context.inputs[i];
    if (!type) continue;
    shared ??= type.dtype;
    if (type.dtype !== shared) {
      throw misfit(context, `element types differ: ${shared} and ${type.dtype}; cast one`);
    }
  }
  if (!shared) throw misfit(context, "there is no input to take the element type from");
  return shared;
}

/** Shape of elementwise operators: a dimension of 1 stretches, two others must be equal. */
export function broadcastShapes(context: InferContext, ...shapes: readonly Shape[]): Dim[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let result: Dim = 1;
    for (const shape of shapes) {
      const dim = shape[axis - rank + shape.length] ?? 1;
      if (dim === 1 || dim === result) continue;
      if (result !== 1) {
        throw misfit(
          context,
          `dimensions ${result} and ${dim} at axis ${axis} of ${showShape(shapes[0]!)} and ${
            showShape(shapes[1]!)
          } do not broadcast; only 1 stretches`,
        );
      }
      result = dim;
    }
    return result;
  });
}

/** An integer attribute, or its default. */
export function intAttribute(context: InferContext, key: string, otherwise: number): number {
  const value = context.attributes[key];
  return typeof value === "number" ? value : otherwise;
}

/** A list of integers, if the attribute is there. */
export function intsAttribute(context: InferContext, key: string): readonly number[] | undefined {
  const value = context.attributes[key];
  return Array.isArray(value) ? value : undefined;
}

/** An axis counted from the front. Throws when it is outside the rank. */
export function normalAxis(context: InferContext, axis: number, rank: number): number {
  if (axis < -rank || axis >= rank) {
    throw misfit(context, `axis ${axis} is outside of rank ${rank}`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** Several axes counted from the front, each at most once. */
export function normalAxes(context: InferContext, axes: readonly number[], rank: number): number[] {
  const normal = axes.map((axis) => normalAxis(context, axis, rank));
  if (new Set(normal).size < normal.length) throw misfit(context, `axes ${axes} repeat one`);
  return normal;
}

/** A small integer input that must be known when the graph is built, such as axes. */
export function knownInts(context: InferContext, i: number, what: string): readonly number[] {
  const dims = context.dims(i);
  if (!dims?.every((dim) => typeof dim === "number")) {
    throw misfit(context, `${what} (input ${i}) must be a constant of the graph`);
  }
  return dims as readonly number[];
}

/** Demands int64 (or another of the types given) of rank 1 and returns its length, if known as a number. */
export function vectorLength(context: InferContext, i: number, what: string): number {
  expectDtype(context, i, "int64", "int32");
  const { shape } = inputType(context, i);
  const length = shape[0];
  if (shape.length !== 1 || typeof length !== "number") {
    throw misfit(context, `${what} (input ${i}) must be a vector of known length`);
  }
  return length;
}

/** Demands that an input holds one element: shape `[]` or `[1]`. */
export function expectSingle(context: InferContext, i: number, what: string): void {
  const { shape } = inputType(context, i);
  if (shape.length > 1 || (shape.length === 1 && shape[0] !== 1)) {
    throw misfit(context, `${what} (input ${i}) must have one element`);
  }
}

/** Demands equal shapes. */
export function expectSameShape(context: InferContext, i: number, j: number): void {
  if (!sameShape(inputType(context, i).shape, inputType(context, j).shape)) {
    throw misfit(context, `inputs ${i} and ${j} must have the same shape`);
  }
}
