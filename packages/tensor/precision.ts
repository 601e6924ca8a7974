import type { DType } from "./dtype.ts";

/** What a model computes in: the one option at the edges (files, flags, services). */
export type Precision = "fp32" | "fp16" | "bf16";

/** Element types that matrix products run in. */
export type ComputeType = Extract<DType, "float32" | "float16" | "bfloat16">;

const computeTypes: Readonly<Record<Precision, ComputeType>> = {
  fp32: "float32",
  fp16: "float16",
  bf16: "bfloat16",
};

/** The element type that a precision's matrix products run in. */
export function computeTypeOf(precision: Precision): ComputeType {
  return computeTypes[precision];
}
