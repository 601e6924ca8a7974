import { type DType, InputError } from "@decorum/tensor";
import type { OpSchema } from "../schemas.ts";
import { Value } from "../graph.ts";
import { emit, emitLifted, graphOf, lift, type Operand } from "./emit.ts";
import {
  broadcastShapes,
  expectDtype,
  expectFloat,
  inputType,
  misfit,
  schema,
  sharedDtype,
} from "./infer.ts";

function comparison(
  opType: string,
  sinceVersion: number,
  accepts: (dtype: DType) => boolean,
): OpSchema {
  return schema({
    opType,
    sinceVersion,
    inputs: 2,
    infer(context) {
      const dtype = sharedDtype(context);
      if (!accepts(dtype)) throw misfit(context, `inputs cannot be ${dtype}`);
      const shape = broadcastShapes(
        context,
        inputType(context, 0).shape,
        inputType(context, 1).shape,
      );
      return { dtype: "bool", shape };
    },
  });
}

const any = () => true;
const number = (dtype: DType) => dtype !== "bool";
const bool = (dtype: DType) => dtype === "bool";

export const logicalSchemas: readonly OpSchema[] = [
  comparison("Equal", 19, any),
  comparison("Less", 13, number),
  comparison("LessOrEqual", 16, number),
  comparison("Greater", 13, number),
  comparison("GreaterOrEqual", 16, number),
  comparison("And", 7, bool),
  comparison("Or", 7, bool),
  schema({
    opType: "Not",
    sinceVersion: 1,
    inputs: 1,
    infer(context) {
      expectDtype(context, 0, "bool");
      return inputType(context, 0);
    },
  }),
  schema({
    opType: "Where",
    sinceVersion: 16,
    inputs: 3,
    infer(context) {
      expectDtype(context, 0, "bool");
      const dtype = sharedDtype(context, [1, 2]);
      const shapes = [0, 1, 2].map((i) => inputType(context, i).shape);
      return { dtype, shape: broadcastShapes(context, ...shapes) };
    },
  }),
  schema({
    opType: "IsNaN",
    sinceVersion: 20,
    inputs: 1,
    infer(context) {
      expectFloat(context, 0);
      return { dtype: "bool", shape: inputType(context, 0).shape };
    },
  }),
  schema({
    opType: "IsInf",
    sinceVersion: 20,
    inputs: 1,
    attributes: { detect_negative: "int", detect_positive: "int" },
    infer(context) {
      expectFloat(context, 0);
      return { dtype: "bool", shape: inputType(context, 0).shape };
    },
  }),
];

/** `a == b`, broadcasting. */
export const equal = (a: Operand, b: Operand): Value => emitLifted("Equal", [a, b]);
/** `a < b`, broadcasting. */
export const less = (a: Operand, b: Operand): Value => emitLifted("Less", [a, b]);
/** `a <= b`, broadcasting. */
export const lessOrEqual = (a: Operand, b: Operand): Value => emitLifted("LessOrEqual", [a, b]);
/** `a > b`, broadcasting. */
export const greater = (a: Operand, b: Operand): Value => emitLifted("Greater", [a, b]);
/** `a >= b`, broadcasting. */
export const greaterOrEqual = (a: Operand, b: Operand): Value =>
  emitLifted("GreaterOrEqual", [a, b]);
export const and = (a: Value, b: Value): Value => emit("And", [a, b]);
export const or = (a: Value, b: Value): Value => emit("Or", [a, b]);
export const not = (x: Value): Value => emit("Not", [x]);
export const isNaN = (x: Value): Value => emit("IsNaN", [x]);
/** True where `x` is infinite, of either sign. */
export const isInf = (x: Value): Value => emit("IsInf", [x]);

/** `condition ? a : b` for each element, broadcasting. One of `a` and `b` must be a value. */
export function where(condition: Value, a: Operand, b: Operand): Value {
  const graph = graphOf("Where", [condition, a, b]);
  const typed = a instanceof Value ? a : b;
  if (!(typed instanceof Value)) {
    throw new InputError(
      `Cannot apply Where to two numbers (${a} and ${b}): their element type is not known; make one a value`,
    );
  }
  return graph.op("Where", [condition, lift(graph, a, typed.dtype), lift(graph, b, typed.dtype)]);
}
