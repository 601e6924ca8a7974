import {
  gatherElements,
  gatherND,
  scatterElements,
  scatterND,
  transpose,
  unsqueeze,
  type Value,
} from "@decorum/onnx";
import { zerosLike } from "./zeros.ts";
import { cotangent, input, intAttribute, type OpState, type VjpNode } from "../rule.ts";

/** Axes rotated so that `axis` comes first, and back. */
function axisFirst(rank: number, axis: number): { to: number[]; from: number[] } {
  const to = [axis, ...[...Array(rank).keys()].filter((a) => a !== axis)];
  const from = new Array<number>(rank).fill(0);
  to.forEach((a, i) => (from[a] = i));
  return { to, from };
}

/**
 * Rows that were picked get their cotangents back, added where a row was picked more than once.
 * Gather along `axis` is Gather along axis 0 of the rotated array; its indices' axes come first in the
 * rotated cotangent.
 */
function gatherVjp(node: VjpNode): readonly Value[] {
  const [x, indices, g] = [input(node, 0), input(node, 1), cotangent(node)];
  const axis = (intAttribute(node, "axis", 0) + x.rank) % x.rank;
  const at = unsqueeze(indices, [indices.rank]);
  if (axis === 0) return [scatterND(zerosLike(x), at, g, "add")];
  const k = indices.rank;
  const { to, from } = axisFirst(x.rank, axis);
  // g: [before.., indices.., after..] -> [indices.., before.., after..]
  const order = [...g.shape.keys()];
  const moved = [...order.slice(axis, axis + k), ...order.slice(0, axis), ...order.slice(axis + k)];
  const rotated = scatterND(zerosLike(transpose(x, to)), at, transpose(g, moved), "add");
  return [transpose(rotated, from)];
}

function scatterReduction(node: VjpNode): string {
  const reduction = node.attributes["reduction"] ?? "none";
  if (reduction !== "none" && reduction !== "add") {
    throw new TypeError(
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
      scatterElements(zerosLike(input(node, 0)), input(node, 1), cotangent(node), {
        axis: intAttribute(node, "axis", 0),
        reduction: "add",
      }),
    ],
  },
  GatherND: {
    kind: "rule",
    vjp: (node) => [
      scatterND(zerosLike(input(node, 0)), input(node, 1), cotangent(node), "add"),
    ],
  },
  // With "none" an overwritten element of the data gets nothing; indices must not repeat (ONNX's rule).
  ScatterND: {
    kind: "rule",
    vjp: (node) => {
      const [indices, updates, g] = [input(node, 1), input(node, 2), cotangent(node)];
      const kept = () =>
        scatterReduction(node) === "add" ? g : scatterND(g, indices, zerosLike(updates));
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
          : scatterElements(g, indices, zerosLike(updates), { axis });
      return [
        node.wants(0) ? kept() : undefined,
        undefined,
        node.wants(2) ? gatherElements(g, indices, axis) : undefined,
      ];
    },
  },
};
