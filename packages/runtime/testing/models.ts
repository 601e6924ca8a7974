/** Models of the tests of this folder. */
import { float32, int64, type Tensor, tensor } from "@decorum/tensor";

/** A committed model, made by `tools/golden/record_runtime_models.py`. */
export const model = (name: string): { path: string } => ({
  path: new URL(`../testdata/${name}.onnx`, import.meta.url).pathname,
});

/** One thread a session: the tests share the machine. */
export const threads = { intraOpThreads: 1 };

/** Feeds of the model `slow`, which multiplies a matrix `steps` times by the identity. */
export const slowFeeds = (steps: number): { steps: Tensor; start: Tensor } => ({
  steps: int64([], [steps]),
  start: float32([], [1]),
});

/** A boolean tensor from plain booleans. */
export function bool(dims: readonly number[], values: readonly boolean[]): Tensor<"bool"> {
  return tensor("bool", dims, Uint8Array.from(values, Number));
}
