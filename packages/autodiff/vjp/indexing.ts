import { InputError, int64 } from "@decorum/tensor";
import {
  concat,
  expandLike,
  gatherElements,
  gatherND,
  reshape,
  scatterElements,
  scatterND,
  shapeOf,
  unsqueeze,
  type Value,
} from "@decorum/onnx";
import { cotangent, input, intAttribute, type OpState, type VjpNode } from "../rule.ts";

/**
 * Rows that were picked get their cotangents back, added where a row was picked more than once.
 *
 * ScatterElements and not ScatterND: onnxruntime's CPU kernel of the latter adds from several threads
 * without a lock, and loses sums where an index repeats (onnxruntime issue 18048).
 */
function gatherVjp(node: VjpNode): readonly Value[] {
  const [x, indices, g] = [input(node, 0), input(node, 1), cotangent(node)];
  const axis = (intAttribute(node, "axis", 0) + x.rank) % x.rank;
  const { rows, at } = oneIndexAxis(g, indices, axis);
  const everywhere = expandLike(at, rows);
  return [scatterElements(node.sizes.zerosLike(x), everywhere, rows, { axis, reduction: "add" })];
}

/**
 * The cotangent with the indices' axes, which begin at `axis`, made one; and the indices along that
 * axis, with axes of 1 around it: `rows` [before.., n, after..], `at` [1.., n, 1..].
 */
function oneIndexAxis(g: Value, indices: Value, axis: number): { rows: Value; at: Value } {
  const k = indices.rank;
  const after = g.rank - axis - k;
  const around = (n: number) => [...Array(axis).fill(1), n, ...Array(after).fill(1)];
  const at = reshape(indices, around(-1));
  if (k === 1) return { rows: g, at };
  if (k === 0) return { rows: unsqueeze(g, [axis]), at };
  const dims = [
    axis === 0 ? undefined : shapeOf(g, { start: 0, end: axis }),
    g.graph.constant(int64([1], [-1])),
    after === 0 ? undefined : shapeOf(g, { start: axis + k }),
  ];
  return { rows: reshape(g, concat(dims.filter((d) => d !== undefined), 0)), at };
}

function scatterReduction(node: VjpNode): string {
  const reduction = node.attributes["reduction"] ?? "none";
  if (reduction !== "none" && reduction !== "add") {
    throw new InputError(
      `Cannot differentiate ${node.opType} "${node.name}" with reduction "${reduction}": expected "none" or "add"`,
    );
  }
  return reduction;
}

/** Rules of the operators that pick and place elements by index. */
export const indexing: Readonly<Record<string, OpState>> = {
  Gather: { kind: "rule", vjp: gatherVjp },
  GatherElements: {
    kind: "rule",
    vjp: (node) => [
      scatterElements(node.sizes.zerosLike(input(node, 0)), input(node, 1), cotangent(node), {
        axis: intAttribute(node, "axis", 0),
        reduction: "add",
      }),
    ],
  },
  // With "none" an overwritten element of the data gets nothing; indices must not repeat (ONNX's rule).
  ScatterND: {
    kind: "rule",
    vjp: (node) => {
      const [indices, updates, g] = [input(node, 1), input(node, 2), cotangent(node)];
      const kept = () =>
        scatterReduction(node) === "add" ? g : scatterND(g, indices, node.sizes.zerosLike(updates));
      return [
        node.wants(0) ? kept() : undefined,
        undefined,
        node.wants(2) ? gatherND(g, indices) : undefined,
      ];
    },
  },
  ScatterElements: {
    kind: "rule",
    vjp: (node) => {
      const axis = intAttribute(node, "axis", 0);
      const [indices, updates, g] = [input(node, 1), input(node, 2), cotangent(node)];
      const kept = () =>
        scatterReduction(node) === "add"
          ? g
          : scatterElements(g, indices, node.sizes.zerosLike(updates), { axis });
      return [
        node.wants(0) ? kept() : undefined,
        undefined,
        node.wants(2) ? gatherElements(g, indices, axis) : undefined,
      ];
    },
  },
};
