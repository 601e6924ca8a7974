import * as ops from "@decorum/onnx";
import { binary, type GradientCases, symbolic, unary } from "../case.ts";

export const elementwiseCases: GradientCases = {
  Add: binary(ops.add),
  Sub: binary(ops.sub),
  Mul: binary(ops.mul),
  Div: binary(ops.div, { b: "nonzero" }),
  Pow: [
    ...binary(ops.pow, { a: "positive" }),
    { name: "negative base, exponent 2", build: (i) => ops.pow(i.x([3, 4], "nonzero"), 2) },
    { name: "negative base, exponent -3", build: (i) => ops.pow(i.x(["b", "s"], "nonzero"), -3) },
    {
      name: "exponent of another type",
      build: (i) => ops.pow(i.x([3, 4], "nonzero"), i.indices([4], [0, 1, 2, 3])),
    },
    {
      name: "exponents 0 and 1 at base 0",
      build: (i) => {
        const x = i.x([4]);
        return ops.pow(ops.mul(x, i.graph.scalar(0, x.dtype)), i.indices([4], [0, 1, 2, 3]));
      },
    },
  ],
  Min: [
    ...binary((a, b) => ops.min(a, b), { a: "apart", b: "apart" }),
    {
      name: "three",
      build: (i) => ops.min(i.x([3, 4], "apart"), i.x([4], "apart"), i.x([], "apart")),
    },
    { name: "one", build: (i) => ops.min(i.x([3, 4])) },
  ],
  Max: [
    ...binary((a, b) => ops.max(a, b), { a: "apart", b: "apart" }),
    {
      name: "three, the second not wanted",
      build: (i) => ops.max(i.x(["b", 1], "apart"), i.unwanted(["s"], "apart"), i.x([], "apart")),
    },
    { name: "one", build: (i) => ops.max(i.x([3, 4])) },
  ],
  Neg: unary(ops.neg),
  Abs: unary(ops.abs, "nonzero"),
  Relu: unary(ops.relu, "apart"),
  Exp: unary(ops.exp),
  Log: unary(ops.log, "positive"),
  Sqrt: unary(ops.sqrt, "positive"),
  Reciprocal: unary(ops.reciprocal, "nonzero"),
  Tanh: unary(ops.tanh),
  Sigmoid: unary(ops.sigmoid),
  // onnxruntime has Erf for float32 only, and Gelu's constants in float32.
  Erf: unary(ops.erf, "any", "float32"),
  Cos: unary(ops.cos),
  Sin: unary(ops.sin),
  Gelu: [
    ...unary((x) => ops.gelu(x), "any", "float32").map((c) => ({ ...c, name: `exact, ${c.name}` })),
    ...unary((x) => ops.gelu(x, "tanh"), "any", "float32").map((c) => ({
      ...c,
      name: `tanh, ${c.name}`,
    })),
  ],
  Identity: unary(ops.identity),
  Cast: [
    { name: "wider", dtype: "float32", build: (i) => ops.cast(i.x([3, "s"]), "float64") },
    { name: "narrower", rounded: true, build: (i) => ops.cast(i.x([3, 4]), "float32") },
  ],
  Clip: [
    { name: "both bounds", build: (i) => ops.clip(i.x([3, 4], "apart"), -2, 3) },
    { name: "low only", build: (i) => ops.clip(i.x(["b", 4], "apart"), -1, undefined) },
    { name: "high only", build: (i) => ops.clip(i.x(["b", 4], "apart"), undefined, 1) },
    { name: "no bound", build: (i) => ops.clip(i.x([3, 4]), undefined, undefined) },
    {
      name: "bounds wanted",
      build: (i) => {
        const [x, low, high] = [i.x([3, 4], "apart"), i.x([], "positive"), i.x([], "positive")];
        return ops.clip(x, ops.neg(low), high);
      },
    },
  ],
  Where: [
    { name: "same shape", build: (i) => ops.where(i.condition([3, 4]), i.x([3, 4]), i.x([3, 4])) },
    {
      name: "condition broadcast",
      build: (i) => ops.where(i.condition([4]), i.x([3, 4]), i.x([3, 1])),
    },
    {
      name: "scalars",
      build: (i) => ops.where(i.condition([3, 4]), i.x([]), i.x([])),
    },
    {
      name: "missing leading dimensions",
      build: (i) => ops.where(i.condition([2, 1, 4]), i.x([3, 1]), i.x([4])),
    },
    {
      name: "missing leading dimensions, symbolic",
      build: (i) =>
        ops.where(i.condition(symbolic([2, 1, 4])), i.x(symbolic([3, 1])), i.x(symbolic([4]))),
    },
    { name: "left only", build: (i) => ops.where(i.condition([3, 4]), i.x([4]), -1) },
    { name: "right only", build: (i) => ops.where(i.condition(["s", 1]), 0, i.x(["s", "d"])) },
  ],
};
