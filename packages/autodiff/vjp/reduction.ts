import {
  cast,
  cumSum,
  div,
  equal,
  expand,
  mul,
  reduceSum,
  squeeze,
  unsqueeze,
  type Value,
} from "@decorum/onnx";
import {
  constantInts,
  cotangent,
  input,
  intAttribute,
  type OpState,
  output,
  type VjpNode,
} from "../rule.ts";
import { multiplySizes } from "../sizes.ts";

/** Axes a Reduce node removes, counted from the front; all of them where none are given. */
function axesOf(node: VjpNode): readonly number[] {
  const x = input(node, 0);
  const axes = node.inputs[1] ? constantInts(node, 1) : [];
  if (axes.length === 0 && intAttribute(node, "noop_with_empty_axes", 0) !== 0) return [];
  if (axes.length === 0) return [...x.shape.keys()];
  return axes.map((axis) => (axis < 0 ? axis + x.rank : axis)).sort((a, b) => a - b);
}

/** A reduced value with its removed axes put back as axes of 1, so that it broadcasts against the input. */
function restored(node: VjpNode, value: Value): Value {
  if (intAttribute(node, "keepdims", 1) !== 0) return value;
  const axes = axesOf(node);
  return axes.length === 0 ? value : unsqueeze(value, axes);
}

/** A cotangent stretched over the axes that were summed; the others have their size already. */
function spread(node: VjpNode, g: Value): Value {
  return expand(restored(node, g), node.sizes.of(input(node, 0), axesOf(node)));
}

/** How many elements of the input each element of the output stands for. */
function reducedCount(node: VjpNode): Value | number {
  const x = input(node, 0);
  const sizes = axesOf(node).map((axis) => node.sizes.axis(x, axis));
  const count = sizes.reduce(multiplySizes, 1);
  return typeof count === "number" ? count : cast(squeeze(count, [0]), x.dtype);
}

/** Maximum and minimum: the cotangent is shared among equal elements, as torch's amax does. */
function extremum(node: VjpNode): readonly (Value | undefined)[] {
  const x = input(node, 0);
  const hit = cast(equal(x, restored(node, output(node))), x.dtype);
  const count = reduceSum(hit, axesOf(node), true);
  return [mul(div(hit, count), restored(node, cotangent(node)))];
}

/** Rules of the sums, means and extrema over axes. */
export const reduction: Readonly<Record<string, OpState>> = {
  ReduceSum: { kind: "rule", vjp: (node) => [spread(node, cotangent(node))] },
  ReduceMean: {
    kind: "rule",
    vjp: (node) => [spread(node, div(cotangent(node), reducedCount(node)))],
  },
  ReduceMax: { kind: "rule", vjp: extremum },
  ReduceMin: { kind: "rule", vjp: extremum },
  CumSum: {
    kind: "rule",
    vjp: (node) => [
      cumSum(cotangent(node), constantInts(node, 1)[0] ?? 0, {
        reverse: intAttribute(node, "reverse", 0) === 0,
        exclusive: intAttribute(node, "exclusive", 0) !== 0,
      }),
    ],
  },
};
