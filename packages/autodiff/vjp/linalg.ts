import { InputError } from "@decorum/tensor";
import { gemm, matmul, mul, reshape, transpose, type Value } from "@decorum/onnx";
import { cotangent, input, intAttribute, type OpState, type VjpNode } from "../rule.ts";

/** The last two axes exchanged. */
function swapLast(x: Value): Value {
  const perm = [...x.shape.keys()];
  perm.splice(-2, 2, x.rank - 1, x.rank - 2);
  return transpose(x, perm);
}

/** Rows of the last axis: [.., n] as [rows, n]. */
function asRows(x: Value): Value {
  const width = x.shape.at(-1);
  return x.rank === 2 || typeof width !== "number" ? x : reshape(x, [-1, width]);
}

function matmulVjp(node: VjpNode): readonly (Value | undefined)[] {
  const [a, b, g] = [input(node, 0), input(node, 1), cotangent(node)];
  if (a.rank < 2 || b.rank < 2) {
    throw new InputError(
      `Cannot differentiate MatMul "${node.name}" of ${a} and ${b}: expected matrices; add an axis of 1`,
    );
  }
  const da = () => matmul(g, swapLast(b));
  const db = () => {
    // One matrix for all of a's batches: their rows lie one after the other, so one product sums them.
    const shared = b.rank === 2 && a.rank > 2 && typeof a.shape.at(-1) === "number" &&
      typeof g.shape.at(-1) === "number";
    return shared
      ? gemm(asRows(a), asRows(g), undefined, { transA: true })
      : matmul(swapLast(a), g);
  };
  return [node.wants(0) ? da() : undefined, node.wants(1) ? db() : undefined];
}

/** Y = alpha A' B' + beta C, A' and B' transposed on request (ONNX Gemm). */
function gemmVjp(node: VjpNode): readonly (Value | undefined)[] {
  const [a, b, g] = [input(node, 0), input(node, 1), cotangent(node)];
  const transA = intAttribute(node, "transA", 0) !== 0;
  const transB = intAttribute(node, "transB", 0) !== 0;
  const alpha = intAttribute(node, "alpha", 1);
  const beta = intAttribute(node, "beta", 1);
  const da = () =>
    transA
      ? gemm(b, g, undefined, { transA: transB, transB: true, alpha })
      : gemm(g, b, undefined, { transB: !transB, alpha });
  const db = () =>
    transB
      ? gemm(g, a, undefined, { transA: true, transB: transA, alpha })
      : gemm(a, g, undefined, { transA: !transA, alpha });
  return [
    node.wants(0) ? da() : undefined,
    node.wants(1) ? db() : undefined,
    node.wants(2) ? (beta === 1 ? g : mul(g, beta)) : undefined,
  ];
}

/** Rules of the matrix products. */
export const linalg: Readonly<Record<string, OpState>> = {
  MatMul: { kind: "rule", vjp: matmulVjp },
  Gemm: { kind: "rule", vjp: gemmVjp },
};
