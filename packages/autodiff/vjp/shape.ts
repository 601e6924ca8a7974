import { InputError } from "@decorum/tensor";
import { concat, pad, slice, squeeze, subDims, transpose, trilu, type Value } from "@decorum/onnx";
import {
  constantInts,
  cotangent,
  input,
  intAttribute,
  intsAttribute,
  type OpState,
  output,
  unary,
  type VjpNode,
} from "../rule.ts";
import { addSizes, type Size, sizeVector, subtractSizes } from "../sizes.ts";

/** The reverse of `perm`; an absent one reverses the axes, and so does its inverse. */
function inversePermutation(node: VjpNode): readonly number[] {
  const rank = input(node, 0).rank;
  const perm = intsAttribute(node, "perm", [...Array(rank).keys()].reverse());
  const inverse = new Array<number>(rank).fill(0);
  perm.forEach((from, to) => (inverse[from] = to));
  return inverse;
}

/** Each input's part of the cotangent; offsets are added up only as far as a part is wanted. */
function concatVjp(node: VjpNode): readonly (Value | undefined)[] {
  const g = cotangent(node);
  const axis = (intAttribute(node, "axis", 0) + g.rank) % g.rank;
  const wanted = node.inputs.map((_, i) => node.wants(i));
  let start: Size = 0;
  return node.inputs.slice(0, wanted.lastIndexOf(true) + 1).map((_, i) => {
    const end = addSizes(start, node.sizes.axis(input(node, i), axis));
    const part = wanted[i] ? slice(g, bound(start), bound(end), [axis]) : undefined;
    start = end;
    return part;
  });
}

const bound = (size: Size) => (typeof size === "number" ? [size] : size);

/**
 * Zeros where the slice did not look: one Pad, for steps of 1. A start that counts from the end of an
 * axis of unknown size is taken to lie within it.
 */
function sliceVjp(node: VjpNode): Value {
  const [x, g] = [input(node, 0), cotangent(node)];
  const starts = constantInts(node, 1);
  const axes = (node.inputs[3] ? constantInts(node, 3) : [...starts.keys()])
    .map((axis) => (axis + x.rank) % x.rank);
  const steps = node.inputs[4] ? constantInts(node, 4) : [];
  if (steps.some((step) => step !== 1)) {
    throw new InputError(
      `Cannot differentiate Slice "${node.name}" with steps [${steps}]: expected steps of 1`,
    );
  }
  const before = axes.map((axis, i): Size => {
    const [start, size] = [starts[i] ?? 0, node.sizes.axis(x, axis)];
    if (typeof size !== "number") return start < 0 ? addSizes(size, start) : start;
    return Math.min(Math.max(start < 0 ? start + size : start, 0), size);
  });
  const after = axes.map((axis, i): Size => {
    const cut = subDims(x.shape[axis] ?? 1, g.shape[axis] ?? 1);
    const removed = typeof cut === "number"
      ? cut
      : subtractSizes(node.sizes.axis(x, axis), node.sizes.axis(g, axis));
    return subtractSizes(removed, before[i] ?? 0);
  });
  return pad(g, sizeVector(node.graph, [...before, ...after]), { axes });
}

function splitVjp(node: VjpNode): readonly Value[] {
  const axis = intAttribute(node, "axis", 0);
  const parts = node.outputs.map((_, i) =>
    node.cotangents[i] ?? node.sizes.zerosLike(output(node, i))
  );
  return [concat(parts, axis)];
}

/** Rules of the operators that move elements without changing them. */
export const shape: Readonly<Record<string, OpState>> = {
  Reshape: unary((g, x, _y, node) => node.sizes.reshape(g, x)),
  Squeeze: unary((g, x, _y, node) => node.sizes.reshape(g, x)),
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
