import { int64 } from "@decorum/tensor";
import {
  add,
  concat,
  pad,
  reshapeLike,
  shapeOf,
  slice,
  squeeze,
  sub,
  transpose,
  trilu,
  type Value,
} from "@decorum/onnx";
import {
  cotangent,
  input,
  intAttribute,
  intsAttribute,
  type OpState,
  unary,
  type VjpNode,
} from "../rule.ts";
import { zerosLike } from "./zeros.ts";
import { constantInts } from "./constants.ts";

/** The reverse of `perm`; an absent one reverses the axes, and so does its inverse. */
function inversePermutation(node: VjpNode): readonly number[] {
  const rank = input(node, 0).rank;
  const perm = intsAttribute(node, "perm", [...Array(rank).keys()].reverse());
  const inverse = new Array<number>(rank).fill(0);
  perm.forEach((from, to) => (inverse[from] = to));
  return inverse;
}

function concatVjp(node: VjpNode): readonly (Value | undefined)[] {
  const g = cotangent(node);
  const axis = (intAttribute(node, "axis", 0) + g.rank) % g.rank;
  const size = (v: Value) => shapeOf(v, { start: axis, end: axis + 1 });
  let start = node.graph.constant(int64([1], [0]));
  return node.inputs.map((x, i) => {
    if (!x) return undefined;
    const end = add(start, size(x));
    const part = node.wants(i) ? slice(g, start, end, [axis]) : undefined;
    start = end;
    return part;
  });
}

/** Zeros where the slice did not look: one Pad, for steps of 1. */
function sliceVjp(node: VjpNode): Value {
  const [x, g] = [input(node, 0), cotangent(node)];
  const starts = constantInts(node, 1);
  const axes = node.inputs[3] ? constantInts(node, 3) : [...starts.keys()];
  const steps = node.inputs[4] ? constantInts(node, 4) : starts.map(() => 1);
  if (steps.some((step) => step !== 1) || starts.some((start) => start < 0)) {
    throw new TypeError(
      `Cannot differentiate Slice "${node.name}": starts [${starts}] and steps [${steps}]; expected starts of 0 or more and steps of 1`,
    );
  }
  const from = new Array<number>(x.rank).fill(0);
  axes.forEach((axis, i) => (from[(axis + x.rank) % x.rank] = starts[i] ?? 0));
  const before = node.graph.constant(int64([from.length], from));
  const after = sub(sub(shapeOf(x), shapeOf(g)), before);
  return pad(g, concat([before, after], 0));
}

function splitVjp(node: VjpNode): readonly Value[] {
  const axis = intAttribute(node, "axis", 0);
  const parts = node.outputs.map((out, i) => node.cotangents[i] ?? zerosLike(out));
  return [concat(parts, axis)];
}

/** Rules of the operators that move elements without changing them. */
export const shape: Readonly<Record<string, OpState>> = {
  Reshape: unary((g, x) => reshapeLike(g, x)),
  Squeeze: unary((g, x) => reshapeLike(g, x)),
  Unsqueeze: {
    kind: "rule",
    vjp: (node) => [squeeze(cotangent(node), constantInts(node, 1))],
  },
  Transpose: unary((g, _x, _y, node) => transpose(g, inversePermutation(node))),
  // The walk sums the expanded axes back, as after any broadcast.
  Expand: unary((g) => g),
  Concat: { kind: "rule", vjp: concatVjp },
  Split: { kind: "rule", vjp: splitVjp },
  Slice: { kind: "rule", vjp: (node) => [sliceVjp(node)] },
  Trilu: {
    kind: "rule",
    vjp: (node) => [
      trilu(cotangent(node), {
        upper: intAttribute(node, "upper", 1) !== 0,
        k: node.inputs[1] ? constantInts(node, 1)[0] ?? 0 : 0,
      }),
    ],
  },
};
