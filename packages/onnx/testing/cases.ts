import { castTensor, float32, int64 } from "@decorum/tensor";
import * as ops from "../ops/mod.ts";
import type { Value } from "../graph.ts";
import type { Case } from "./inputs.ts";

const unary = (f: (x: Value) => Value): Case => (g) => f(g.f("b", "s"));
const binary = (f: (a: Value | number, b: Value | number) => Value): Case => (g) => [
  f(g.f("b", "s"), g.f("b", "s")),
  f(g.f("b", 1), g.f("s")),
  f(g.f("b", 1, "d"), g.f("s", 1)),
  f(g.f("b", "s"), 2),
  f(2, g.f("b", "s")),
  f(g.f(), g.f("b")),
];
const both = (f: (a: Value, b: Value) => Value): Case => (g) => f(g.b("b", 1), g.b("s"));

export const elementwiseCases: Record<string, Case> = {
  Add: binary(ops.add),
  Sub: binary(ops.sub),
  Mul: binary(ops.mul),
  Div: binary(ops.div),
  Pow: binary(ops.pow),
  Min: (g) => ops.min(g.f("b", 1), g.f("s"), 1),
  Max: (g) => ops.max(g.i("b", 1), g.i("s"), 1),
  Neg: unary(ops.neg),
  Abs: unary(ops.abs),
  Sign: unary(ops.sign),
  Relu: unary(ops.relu),
  Exp: unary(ops.exp),
  Log: unary(ops.log),
  Sqrt: unary(ops.sqrt),
  Reciprocal: unary(ops.reciprocal),
  Tanh: unary(ops.tanh),
  Sigmoid: unary(ops.sigmoid),
  Erf: unary(ops.erf),
  Floor: unary(ops.floor),
  Cos: unary(ops.cos),
  Sin: unary(ops.sin),
  Gelu: (g) => [ops.gelu(g.f("b")), ops.gelu(g.f("b"), "tanh")],
  Clip: (
    g,
  ) => [
    ops.clip(g.f("b"), 0, 1),
    ops.clip(g.f("b"), undefined, 1),
    ops.clip(g.i("b"), 0, undefined),
  ],
  Identity: unary(ops.identity),
  Cast: (g) => [
    ops.cast(g.f("b", "s"), "int64"),
    ops.cast(g.i("b"), "bool"),
    ops.cast(g.b("b"), "float32"),
    ops.cast(g.f("b"), "float16"),
    ops.cast(g.f("b"), "float64"),
    ops.cast(g.f("b"), "int8"),
  ],
};

export const logicalCases: Record<string, Case> = {
  Equal: (
    g,
  ) => [ops.equal(g.f("b", 1), g.f("s")), ops.equal(g.i("b"), 1), ops.equal(g.b("b"), g.b("b"))],
  Less: binary(ops.less),
  LessOrEqual: binary(ops.lessOrEqual),
  Greater: binary(ops.greater),
  GreaterOrEqual: binary(ops.greaterOrEqual),
  And: both(ops.and),
  Or: both(ops.or),
  Not: (g) => ops.not(g.b("b", "s")),
  Where: (g) => [
    ops.where(g.b("b", 1), g.f("s"), 0),
    ops.where(g.b("s"), -1, g.i("b", "s")),
    ops.where(g.b("b", 1, 1), g.f("s", 1), g.f("d")),
  ],
  IsNaN: unary(ops.isNaN),
  IsInf: unary(ops.isInf),
};

export const linalgCases: Record<string, Case> = {
  MatMul: (g) => [
    ops.matmul(g.f("b", "s", "d"), g.f("d", 6)),
    ops.matmul(g.f("b", 7, "s", "d"), g.f(1, "d", "t")),
    ops.matmul(g.f("d"), g.f("b", "d", "t")),
    ops.matmul(g.f("b", "s", "d"), g.f("d")),
    ops.matmul(g.f("d"), g.f("d")),
  ],
  Gemm: (g) => [
    ops.gemm(g.f("b", "d"), g.f("d", "s")),
    ops.gemm(g.f("d", "b"), g.f("s", "d"), g.f("s"), {
      transA: true,
      transB: true,
      alpha: 0.5,
      beta: 2,
    }),
    ops.gemm(g.f("b", "d"), g.f("d", "s"), g.f("b", 1)),
  ],
};

const reduction =
  (f: (x: Value, axes?: readonly number[], keepdims?: boolean) => Value): Case => (g) => [
    f(g.f("b", "s", "d")),
    f(g.f("b", "s", "d"), [-1]),
    f(g.f("b", "s", "d"), [0, 2], false),
    f(g.f("b", "s"), undefined, false),
  ];

export const reductionCases: Record<string, Case> = {
  ReduceSum: reduction(ops.reduceSum),
  ReduceMean: reduction(ops.reduceMean),
  ReduceMax: reduction(ops.reduceMax),
  ReduceMin: reduction(ops.reduceMin),
  ArgMax: (g) => [ops.argMax(g.f("b", "s"), -1), ops.argMax(g.f("b", "s"), 0, false)],
  TopK: (g) => {
    const [known, computed] = [
      ops.topK(g.f("b", "t"), 2),
      ops.topK(g.f("t", "b"), g.i(1), { axis: 0 }),
    ];
    return [known.values, known.indices, computed.values, computed.indices];
  },
  CumSum: (g) => ops.cumSum(g.f("b", "s"), 1, { exclusive: true, reverse: true }),
};

export const shapeCases: Record<string, Case> = {
  Reshape: (g) => {
    const x = g.f("b", "s", 12);
    const sizes = ops.concat([ops.shapeOf(x, { end: 2 }), g.graph.constant(int64([2], [3, 4]))], 0);
    return [
      ops.reshape(x, [0, 0, 3, 4]),
      ops.reshape(x, [-1, 12]),
      ops.reshape(x, [0, -1]),
      ops.reshape(x, [-1]),
      ops.reshape(x, sizes),
      ops.reshapeLike(g.f("b*s", 12), x),
    ];
  },
  Transpose: (
    g,
  ) => [ops.transpose(g.f("b", "s", "d")), ops.transpose(g.f("b", "s", "d"), [0, 2, 1])],
  Squeeze: (g) => [ops.squeeze(g.f(1, "b", 1), [-1]), ops.squeeze(g.f(1, "b", 1))],
  Unsqueeze: (g) => ops.unsqueeze(g.f("b", "s"), [0, -1]),
  Expand: (g) => [
    ops.expand(g.f("b", 1), [7]),
    ops.expand(g.f("s"), ops.shapeOf(g.f("b", "s"))),
    ops.expandLike(g.f(), g.f("b", "s")),
    ops.expand(g.f(1), g.i(1)),
  ],
  Shape: (
    g,
  ) => [
    ops.shapeOf(g.f("b", 3)),
    ops.shapeOf(g.f("b", "s", 2), { start: -2 }),
    ops.shapeOf(g.f(2, 3)),
  ],
  Size: (g) => ops.sizeOf(g.f("b", "s")),
  Tile: (g) => [ops.tile(g.f("b", 2), [3, 1]), ops.tile(g.f("b", 2), ops.shapeOf(g.f("s", "d")))],
  Trilu: (g) => [ops.trilu(g.f("s", "t")), ops.trilu(g.f("b", "s", "s"), { upper: false, k: -1 })],
  Concat: (g) => [
    ops.concat([g.f("b", "s"), g.f("b", 1)], -1),
    ops.concat([g.f("b", "s"), g.f("b", "t"), g.f("b", "s")], 1),
  ],
  Split: (g) => [
    ...ops.split(g.f("b", 7), [3, 4], 1),
    ...ops.split(g.f("b", 7), 3, -1),
    ...ops.split(g.f("b", "4*s"), 2, 1),
    ...ops.split(g.f("b", "t"), 2, 1),
  ],
  Slice: (g) => {
    const x = g.f("b", "t", 9);
    return [
      ops.slice(x, [1], [2 ** 31 - 1], [1]),
      ops.slice(x, [0, -1], [-1, 100], [1, 2]),
      ops.slice(x, [1, 1], [2, 8], [1, 2], [1, 3]),
      ops.slice(x, [-1], [2 ** 31 - 1], [1]),
      ops.slice(x, [0], [3], [1]),
      ops.slice(x, [-1, -1], [-(2 ** 31), -20], [1, 2], [-1, -2]),
      ops.slice(g.f(9), [0], ops.shapeOf(x, { start: 1, end: 2 })),
      ops.slice(x, g.i(1), [100], [1]),
    ];
  },
  Pad: (g) => [
    ops.pad(g.f("b", "s"), [0, 1, 2, 0]),
    ops.pad(g.i("b", "s"), [1, -1], { axes: [-1], value: 7 }),
    ops.pad(g.f("b", "s"), [0, 1, 0, 1], { mode: "edge" }),
  ],
  ConstantOfShape: (g) => [
    ops.constantOfShape(ops.shapeOf(g.f("b", "s")), float32([1], [2])),
    ops.constantOfShape(g.i(2), castTensor(float32([], [1]), "int64")),
  ],
  Range: (g) => [
    ops.range(0, ops.sizeOf(g.f("b", "s"))),
    ops.range(ops.sizeOf(g.f("b")), ops.sizeOf(g.f("b", "s")), 1),
    ops.range(g.f(), 4.5, 0.5),
  ],
};

export const indexingCases: Record<string, Case> = {
  Gather: (g) => [
    ops.gather(g.f(5, "d"), g.i("b", "s")),
    ops.gather(g.f("b", "t"), 1, 1),
    ops.gather(g.f("b", "t", "d"), g.of("int32", "s"), -2),
    ops.expand(g.f(1), ops.unsqueeze(ops.gather(ops.shapeOf(g.f("b", "s")), 1), [0])),
  ],
  GatherElements: (g) => ops.gatherElements(g.f("b", "t"), g.i("b", 2), 1),
  GatherND: (
    g,
  ) => [
    ops.gatherND(g.f("t", "d", 3), g.i("b", 2)),
    ops.gatherND(g.f("b", "t", 3), g.i("b", 1), 1),
  ],
  ScatterElements: (g) => [
    ops.scatterElements(g.f("b", "t"), g.i("b", 2), g.f("b", 2), { axis: 1, reduction: "add" }),
    ops.scatterElements(g.f("b", "t"), g.i("b", 1), g.f("b", 1), { axis: 1 }),
  ],
  ScatterND: (g) => ops.scatterND(g.f("t", "d"), g.i("b", 1), g.f("b", "d"), "add"),
  OneHot: (g) => [
    ops.oneHot(g.i("b", "s"), 5),
    ops.oneHot(g.i("b"), 5, { dtype: "int64", axis: 0 }),
    ops.oneHot(g.i("b"), ops.sizeOf(g.f("t"))),
  ],
  TensorScatter: (g) => [
    ops.tensorScatter(g.f("b", 2, "t", 8), g.f("b", 2, 1, 8), g.i("b")),
    ops.tensorScatter(g.f("b", "t", 8), g.f("b", "s", 8)),
  ],
  NonZero: (g) => ops.nonZero(g.b("b", "s")),
};

export const normalizationCases: Record<string, Case> = {
  Softmax: (g) => ops.softmax(g.f("b", "s", "t")),
  LogSoftmax: (g) => ops.logSoftmax(g.f("b", "s"), 0),
  LayerNormalization: (g) => [
    ops.layerNormalization(g.f("b", "s", 8), g.f(8), g.f(8), { epsilon: 1e-12 }),
    ops.layerNormalization(g.f("b", "s", 8), g.f(8)),
    ...g.graph.ops("LayerNormalization", [g.f("b", "s", 8), g.f(8), g.f(8)], {}, { outputs: 3 }),
  ],
  RMSNormalization: (g) => ops.rmsNormalization(g.f("b", "s", 8), g.f(8), { epsilon: 1e-6 }),
};

export const quantizationCases: Record<string, Case> = {
  DynamicQuantizeLinear: (g) => Object.values(ops.dynamicQuantizeLinear(g.f("b", 8))),
  MatMulInteger: (g) => [
    ops.matMulInteger(g.of("uint8", "b", "s", "d"), g.of("int8", "d", "t")),
    ops.matMulInteger(
      g.of("uint8", "s", "d"),
      g.of("uint8", "d", "t"),
      g.of("uint8"),
      g.of("uint8"),
    ),
  ],
  QuantizeLinear: (g) => [
    ops.quantizeLinear(g.f("b", "d"), g.f()),
    ops.quantizeLinear(g.f("b", "d"), g.f("d"), g.of("int8", "d")),
  ],
  DequantizeLinear: (g) => ops.dequantizeLinear(g.of("int8", "b", "d"), g.f(), g.of("int8")),
};

export const controlCases: Record<string, Case> = {
  Loop: (g) => {
    const [x, w, trips] = [g.f("b", "d"), g.f("d", "d"), g.i()];
    const captured = ops.loop(3, undefined, [x], (_body, _i, _cond, h) => {
      const next = ops.tanh(ops.matmul(h, w));
      return { carried: [next], scans: [ops.reduceSum(next, [-1], false)] };
    });
    const growing = ops.loop(trips, true, [x], (_body, _i, _cond, h) => ({
      carried: [ops.concat([h, x], 0)],
      scans: [ops.identity(h.graph.capture(x))],
    }), { carriedShapes: [["rows", "d"]] });
    const nested = ops.loop(2, undefined, [x], (_body, i, _cond, h) => ({
      carried: ops.loop(i, true, [h], (_inner, _j, _c, v) => ({ carried: [ops.add(v, x)] }), {
        name: "inner",
      }).carried,
    }), { name: "outer" });
    return [
      ...captured.carried,
      ...captured.scans,
      ...growing.carried,
      ...growing.scans,
      ...nested.carried,
    ];
  },
  If: (g) => {
    const [cond, x] = [g.b(), g.f("b", "s")];
    return [
      ...ops.if_(cond, () => [x], () => [ops.neg(x)]),
      ...ops.if_(cond, (then) => [ops.exp(then.capture(x))], () => [ops.transpose(x)]),
    ];
  },
};
