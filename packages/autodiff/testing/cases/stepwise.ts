import * as ops from "@decorum/onnx";
import type { Value } from "@decorum/onnx";
import type { Inputs } from "../inputs.ts";

/** An operator's output as a value of a float input. */
export type Use = (i: Inputs) => Value;

const compared = (f: (a: Value, b: Value) => Value): Use => (i) =>
  f(i.x(["s", 4], "apart"), i.x([4], "apart"));
const positive = (i: Inputs) => ops.greater(i.x(["s", 4], "apart"), 0);
const small = (i: Inputs) => ops.less(i.x(["s", 4], "apart"), 1);

/** One use of each operator without gradient: its output must stay when its inputs vary a little. */
export const stepwiseCases: Readonly<Record<string, Use>> = {
  And: (i) => ops.and(positive(i), small(i)),
  ArgMax: (i) => ops.argMax(i.x(["s", 4], "apart"), -1),
  ConstantOfShape: (i) =>
    ops.constantOfShape(ops.shapeOf(i.x(["s", 4])), ops.scalarTensor(2, i.dtype)),
  Equal: compared(ops.equal),
  Floor: (i) => ops.floor(i.x(["s", 4], "apart")),
  Greater: compared(ops.greater),
  GreaterOrEqual: compared(ops.greaterOrEqual),
  IsInf: (i) => ops.isInf(i.x(["s", 4])),
  IsNaN: (i) => ops.isNaN(i.x(["s", 4])),
  Less: compared(ops.less),
  LessOrEqual: compared(ops.lessOrEqual),
  MatMulInteger: (i) =>
    ops.matMulInteger(
      ops.cast(i.x(["s", 4], "apart"), "uint8"),
      ops.cast(i.x([4, 2], "apart"), "int8"),
    ),
  NonZero: (i) => ops.nonZero(i.x(["s", 4], "apart")),
  Not: (i) => ops.not(positive(i)),
  Or: (i) => ops.or(positive(i), small(i)),
  QuantizeLinear: (i) => ops.quantizeLinear(i.x(["s", 4], "apart"), i.graph.scalar(1, i.dtype)),
  Shape: (i) => ops.shapeOf(i.x(["s", 4])),
  Sign: (i) => ops.sign(i.x(["s", 4], "apart")),
  Size: (i) => ops.sizeOf(i.x(["s", 4])),
};
