import type { DType } from "@decorum/tensor";

/** ONNX's numbers for element types (`TensorProto.DataType`). */
export const elementTypeCode: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};

const byCode = new Map(
  Object.entries(elementTypeCode).map(([dtype, code]) => [code, dtype as DType]),
);

/** The element type behind an ONNX number; `undefined` for one that this project does not use. */
export function elementTypeOf(code: number): DType | undefined {
  return byCode.get(code);
}
