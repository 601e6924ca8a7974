import type { DType } from "@decorum/tensor";
import { addDims, divideDims, mulDims, subDims } from "../dims.ts";
import { type Dim, elementTypeCode, elementTypeOf, type Value } from "../graph.ts";
import type { AttributeKind, InferContext, OpSchema } from "../schemas.ts";
import { emit, emitLifted, graphOf, lift, type Operand } from "./emit.ts";
import {
  broadcastShapes,
  expectFloat,
  expectSingle,
  inputType,
  intAttribute,
  misfit,
  schema,
  sharedDtype,
} from "./infer.ts";

type DimArithmetic = (a: Dim, b: Dim) => Dim | undefined;

function unary(
  opType: string,
  sinceVersion: number,
  accepts: "float" | "number",
  attributes: Readonly<Record<string, AttributeKind>> = {},
): OpSchema {
  return schema({
    opType,
    sinceVersion,
    inputs: 1,
    attributes,
    infer(context) {
      const type = inputType(context, 0);
      if (accepts === "float") expectFloat(context, 0);
      if (type.dtype === "bool") throw misfit(context, "input 0 must be a number, not bool");
      return type;
    },
  });
}

function variadic(
  opType: string,
  sinceVersion: number,
  inputs: readonly [number, number],
  dims: DimArithmetic,
): OpSchema {
  return schema({
    opType,
    sinceVersion,
    inputs,
    infer(context) {
      const dtype = sharedDtype(context);
      if (dtype === "bool") throw misfit(context, "inputs must be numbers, not bool");
      const shapes = context.inputs.map((_, i) => inputType(context, i).shape);
      return { dtype, shape: broadcastShapes(context, ...shapes) };
    },
    inferDims(context) {
      let result = context.dims(0);
      for (let i = 1; i < context.inputs.length; i++) {
        result = combine(result, context.dims(i), dims);
      }
      return result;
    },
  });
}

function combine(
  a: readonly Dim[] | undefined,
  b: readonly Dim[] | undefined,
  dims: DimArithmetic,
): readonly Dim[] | undefined {
  if (!a || !b) return undefined;
  const out: Dim[] = [];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const dim = dims(a[a.length === 1 ? 0 : i]!, b[b.length === 1 ? 0 : i]!);
    if (dim === undefined) return undefined;
    out.push(dim);
  }
  return out;
}

function numeric(f: (a: number, b: number) => number): DimArithmetic {
  return (a, b) => {
    if (a === b) return f(1, 1) === 1 ? a : undefined;
    return typeof a === "number" && typeof b === "number" ? f(a, b) : undefined;
  };
}

/** Integer division of ONNX rounds toward zero. */
function quotient(a: Dim, b: Dim): Dim | undefined {
  if (typeof a === "number" && typeof b === "number") {
    return b === 0 ? undefined : Math.trunc(a / b);
  }
  return divideDims(a, b);
}

function sameDims(context: InferContext): readonly Dim[] | undefined {
  return context.dims(0);
}

const two = [2, 2] as const;

export const elementwiseSchemas: readonly OpSchema[] = [
  variadic("Add", 14, two, addDims),
  variadic("Sub", 14, two, subDims),
  variadic("Mul", 14, two, mulDims),
  variadic("Div", 14, two, quotient),
  variadic("Min", 13, [1, Infinity], numeric(Math.min)),
  variadic("Max", 13, [1, Infinity], numeric(Math.max)),
  schema({
    opType: "Pow",
    sinceVersion: 15,
    inputs: 2,
    infer(context) {
      const [x, y] = [inputType(context, 0), inputType(context, 1)];
      return { dtype: x.dtype, shape: broadcastShapes(context, x.shape, y.shape) };
    },
  }),
  unary("Neg", 13, "number"),
  unary("Abs", 13, "number"),
  unary("Sign", 13, "number"),
  unary("Relu", 14, "number"),
  unary("Exp", 13, "float"),
  unary("Log", 13, "float"),
  unary("Sqrt", 13, "float"),
  unary("Reciprocal", 13, "float"),
  unary("Tanh", 13, "float"),
  unary("Sigmoid", 13, "float"),
  unary("Erf", 13, "float"),
  unary("Floor", 13, "float"),
  unary("Cos", 22, "float"),
  unary("Sin", 22, "float"),
  unary("Gelu", 20, "float", { approximate: "string" }),
  schema({
    opType: "Clip",
    sinceVersion: 13,
    inputs: [1, 3],
    infer(context) {
      sharedDtype(context);
      if (context.inputs[1]) expectSingle(context, 1, "min");
      if (context.inputs[2]) expectSingle(context, 2, "max");
      return inputType(context, 0);
    },
  }),
  schema({
    opType: "Identity",
    sinceVersion: 24,
    inputs: 1,
    infer: (context) => inputType(context, 0),
    inferDims: sameDims,
  }),
  schema({
    opType: "Cast",
    sinceVersion: 24,
    inputs: 1,
    attributes: { to: "int", saturate: "int", round_mode: "string" },
    infer(context) {
      const code = intAttribute(context, "to", 0);
      const dtype = elementTypeOf(code);
      if (!dtype) {
        throw misfit(context, `attribute "to" is ${code}, which is no known element type`);
      }
      return { dtype, shape: inputType(context, 0).shape };
    },
    inferDims: sameDims,
  }),
];

/** `a + b`, broadcasting. */
export const add = (a: Operand, b: Operand): Value => emitLifted("Add", [a, b]);
/** `a - b`, broadcasting. */
export const sub = (a: Operand, b: Operand): Value => emitLifted("Sub", [a, b]);
/** `a * b`, broadcasting. */
export const mul = (a: Operand, b: Operand): Value => emitLifted("Mul", [a, b]);
/** `a / b`, broadcasting; integers round toward zero. */
export const div = (a: Operand, b: Operand): Value => emitLifted("Div", [a, b]);
/** `a ** b`, broadcasting; the result has the type of `a`. */
export const pow = (a: Operand, b: Operand): Value => emitLifted("Pow", [a, b]);
/** The smaller of each pair, broadcasting. */
export const min = (...operands: Operand[]): Value => emitLifted("Min", operands);
/** The larger of each pair, broadcasting. */
export const max = (...operands: Operand[]): Value => emitLifted("Max", operands);
export const neg = (x: Value): Value => emit("Neg", [x]);
export const abs = (x: Value): Value => emit("Abs", [x]);
/** -1, 0 or 1. */
export const sign = (x: Value): Value => emit("Sign", [x]);
export const relu = (x: Value): Value => emit("Relu", [x]);
export const exp = (x: Value): Value => emit("Exp", [x]);
/** Natural logarithm. */
export const log = (x: Value): Value => emit("Log", [x]);
export const sqrt = (x: Value): Value => emit("Sqrt", [x]);
/** `1 / x`. */
export const reciprocal = (x: Value): Value => emit("Reciprocal", [x]);
export const tanh = (x: Value): Value => emit("Tanh", [x]);
export const sigmoid = (x: Value): Value => emit("Sigmoid", [x]);
/** Gauss error function. */
export const erf = (x: Value): Value => emit("Erf", [x]);
export const floor = (x: Value): Value => emit("Floor", [x]);
export const cos = (x: Value): Value => emit("Cos", [x]);
export const sin = (x: Value): Value => emit("Sin", [x]);

/** Gaussian error linear unit: exact (`x * Phi(x)`), or with the tanh approximation. */
export function gelu(x: Value, approximate: "none" | "tanh" = "none"): Value {
  return emit("Gelu", [x], { approximate });
}

/** `x` limited to `[low, high]`; `undefined` leaves a side open. Bounds are scalars. */
export function clip(x: Value, low: Operand | undefined, high: Operand | undefined): Value {
  const graph = graphOf("Clip", [x, low, high]);
  return graph.op("Clip", [x, lift(graph, low, x.dtype), lift(graph, high, x.dtype)]);
}

export const identity = (x: Value): Value => emit("Identity", [x]);

/** `x` with its elements converted; `x` itself when it has that type. */
export function cast(x: Value, dtype: DType): Value {
  return x.dtype === dtype ? x : emit("Cast", [x], { to: elementTypeCode[dtype] });
}
