import { float32, int64, type Tensor, tensor } from "@decorum/tensor";

export { float32, int64, tensor };

/** A boolean tensor from plain booleans. */
export function bool(dims: readonly number[], values: readonly boolean[]): Tensor<"bool"> {
  return tensor("bool", dims, Uint8Array.from(values, Number));
}
