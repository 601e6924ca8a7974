import { sameShape, showShape } from "../dims.ts";
import type { Dim, Value } from "../graph.ts";
import type { InferContext, OpSchema } from "../schemas.ts";
import { emit } from "./emit.ts";
import { broadcastShapes, inputType, intAttribute, misfit, schema, sharedDtype } from "./infer.ts";

export const linalgSchemas: readonly OpSchema[] = [
  schema({
    opType: "MatMul",
    sinceVersion: 13,
    inputs: 2,
    infer(context) {
      const dtype = sharedDtype(context);
      if (dtype === "bool") throw misfit(context, "inputs must be numbers, not bool");
      return { dtype, shape: inferMatMulShape(context) };
    },
  }),
  schema({
    opType: "Gemm",
    sinceVersion: 13,
    inputs: [2, 3],
    attributes: { alpha: "float", beta: "float", transA: "int", transB: "int" },
    infer(context) {
      const dtype = sharedDtype(context);
      const [a, b] = [inputType(context, 0).shape, inputType(context, 1).shape];
      if (a.length !== 2 || b.length !== 2) throw misfit(context, "A and B must be matrices");
      const [m, k] = intAttribute(context, "transA", 0) ? [a[1]!, a[0]!] : [a[0]!, a[1]!];
      const [k2, n] = intAttribute(context, "transB", 0) ? [b[1]!, b[0]!] : [b[0]!, b[1]!];
      if (k !== k2) throw misfit(context, `inner dimensions are ${k} and ${k2}`);
      const shape: Dim[] = [m, n];
      const c = context.inputs[2]?.shape;
      if (c && !sameShape(broadcastShapes(context, shape, c), shape)) {
        throw misfit(
          context,
          `C of shape ${showShape(c)} does not broadcast to ${showShape(shape)}`,
        );
      }
      return { dtype, shape };
    },
  }),
];

/** Matrix product of the last two dimensions, broadcasting the ones before (numpy's `matmul`). */
export const matmul = (a: Value, b: Value): Value => emit("MatMul", [a, b]);

interface GemmOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly alpha?: number;
  readonly beta?: number;
}

/** `alpha * A' B' + beta * C` for matrices; `'` is an optional transposition and C broadcasts to `[m, n]`. */
export function gemm(a: Value, b: Value, c?: Value, options: GemmOptions = {}): Value {
  return emit("Gemm", [a, b, c], {
    alpha: options.alpha,
    beta: options.beta,
    transA: options.transA ? 1 : undefined,
    transB: options.transB ? 1 : undefined,
  });
}

/** Shape of numpy's `matmul` of inputs 0 and 1: a vector counts as a row on the left, a column on the right. */
export function inferMatMulShape(context: InferContext): Dim[] {
  const [a, b] = [inputType(context, 0).shape, inputType(context, 1).shape];
  if (a.length === 0 || b.length === 0) throw misfit(context, "a scalar has no matrix product");
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  const [inner, inner2] = [left.at(-1)!, right.at(-2)!];
  if (inner !== inner2) {
    throw misfit(
      context,
      `Cannot multiply A and B: inner dimensions are ${inner} and ${inner2}`,
    );
  }
  const shape = broadcastShapes(context, left.slice(0, -2), right.slice(0, -2));
  if (a.length > 1) shape.push(left.at(-2)!);
  if (b.length > 1) shape.push(right.at(-1)!);
  return shape;
}
