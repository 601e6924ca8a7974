import type { OpState } from "./rule.ts";
import { elementwise } from "./vjp/elementwise.ts";
import { indexing } from "./vjp/indexing.ts";
import { linalg } from "./vjp/linalg.ts";
import { normalization } from "./vjp/normalization.ts";
import { reduction } from "./vjp/reduction.ts";
import { shape } from "./vjp/shape.ts";

const noGradient: OpState = { kind: "no gradient" };
const notDifferentiable = (why: string): OpState => ({ kind: "not differentiable", why });

/** Outputs that are indices, shapes, truth values, or constant between steps. */
const flat = [
  "And",
  "ArgMax",
  "Ceil",
  "ConstantOfShape",
  "Equal",
  "Floor",
  "Greater",
  "GreaterOrEqual",
  "IsInf",
  "IsNaN",
  "Less",
  "LessOrEqual",
  "NonZero",
  "Not",
  "OneHot",
  "Or",
  "Range",
  "Shape",
  "Sign",
  "Size",
];

/** Every operator of the ONNX package, each in exactly one state (style of tinygrad's gradient table). */
export const opStates: Readonly<Record<string, OpState>> = {
  ...elementwise,
  ...linalg,
  ...reduction,
  ...shape,
  ...normalization,
  ...indexing,
  ...Object.fromEntries(flat.map((op) => [op, noGradient])),
  If: notDifferentiable("control flow is used for generation only"),
  Loop: notDifferentiable("control flow is used for generation only"),
  TensorScatter: notDifferentiable("it updates the cache of generation only"),
  TopK: notDifferentiable("it filters the sampler's distribution only"),
  Pad: notDifferentiable("only gradients are padded"),
  Tile: notDifferentiable("no model repeats a value that way; use Expand"),
  QuantizeLinear: notDifferentiable("quantised classifiers are frozen"),
  DequantizeLinear: notDifferentiable("quantised classifiers are frozen"),
  DynamicQuantizeLinear: notDifferentiable("quantised classifiers are frozen"),
  MatMulInteger: notDifferentiable("quantised classifiers are frozen"),
};
