import { constantOfShape, scalarTensor, shapeOf, type Value } from "@decorum/onnx";

/** Zeros of the shape and type of `x`. */
export function zerosLike(x: Value): Value {
  return constantOfShape(shapeOf(x), scalarTensor(0, x.dtype));
}
