import type { OpState } from "./rule.ts";
import { elementwise } from "./vjp/elementwise.ts";
import { indexing } from "./vjp/indexing.ts";
import { linalg } from "./vjp/linalg.ts";
import { normalization } from "./vjp/normalization.ts";
import { reduction } from "./vjp/reduction.ts";
import { shape } from "./vjp/shape.ts";

type States = Readonly<Record<string, OpState>>;

const noGradient: OpState = { kind: "no gradient" };
const notDifferentiable = (why: string): OpState => ({ kind: "not differentiable", why });

/** Outputs that are indices, shapes, truth values or other integers, or constant between steps. */
const stepwise: States = Object.fromEntries(
  [
    "And",
    "ArgMax",
    "ConstantOfShape",
    "Equal",
    "Floor",
    "Greater",
    "GreaterOrEqual",
    "IsInf",
    "IsNaN",
    "Less",
    "LessOrEqual",
    "MatMulInteger",
    "NonZero",
    "Not",
    "Or",
    "QuantizeLinear",
    "Shape",
    "Sign",
    "Size",
  ].map((op) => [op, noGradient]),
);

const refused: States = {
  If: notDifferentiable("control flow is used for generation only"),
  Loop: notDifferentiable("control flow is used for generation only"),
  TensorScatter: notDifferentiable("it updates the cache of generation only"),
  TopK: notDifferentiable("it filters the sampler's distribution only"),
  GatherND: notDifferentiable("no model picks by tuples of indices; use Gather"),
  OneHot: notDifferentiable("its values are constants in every model"),
  Range: notDifferentiable("its bounds are counts in every model"),
  Pad: notDifferentiable("only gradients are padded"),
  Tile: notDifferentiable("no model repeats a value that way; use Expand"),
  DequantizeLinear: notDifferentiable("quantised classifiers are frozen"),
  DynamicQuantizeLinear: notDifferentiable("quantised classifiers are frozen"),
};

/** The rules, by the file of `vjp/` that they lie in. */
export const families: Readonly<Record<string, States>> = {
  elementwise,
  linalg,
  reduction,
  shape,
  normalization,
  indexing,
};

/**
 * One table of several.
 *
 * @throws Error when an operator is in two of them.
 */
export function disjointUnion(tables: readonly States[]): States {
  const all: Record<string, OpState> = {};
  for (const table of tables) {
    for (const [opType, state] of Object.entries(table)) {
      if (Object.hasOwn(all, opType)) {
        throw new Error(
          `internal: operator ${opType} has two states (${all[opType]?.kind} and ${state.kind})`,
        );
      }
      all[opType] = state;
    }
  }
  return all;
}

/** Every operator of the ONNX package, each in exactly one state (style of tinygrad's gradient table). */
export const opStates: States = disjointUnion([...Object.values(families), stepwise, refused]);
