import type { Dim } from "../graph.ts";
import type { OpSchema } from "../schema.ts";
import type { Value } from "../value.ts";
import { emit } from "./emit.ts";
import { inferMatMulShape } from "./infer_matmul.ts";
import { broadcastShapes, inputType, intAttribute, misfit, schema, sharedDtype } from "./infer.ts";
import { sameShape, showShape } from "../dims.ts";

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

export interface GemmOptions {
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
