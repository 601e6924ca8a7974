import type { Dim } from "../graph.ts";
import type { InferContext } from "../schema.ts";
import { broadcastShapes, inputType, misfit } from "./infer.ts";

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
