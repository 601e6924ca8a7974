import assert from "node:assert/strict";
import { float32, type Tensor } from "@decorum/tensor";
import fixture from "./trl.json" with { type: "json" };

/** Numbers recorded from TRL 0.11.4 by `tools/golden/optim_ppo.py`. */
export { fixture };

/** A tensor of the recording. */
export function recorded({ dims, data }: { dims: number[]; data: number[] }): Tensor<"float32"> {
  return float32(dims, data);
}

/** The rows of a `[batch, time]` tensor in the order given. */
export function rowsOf(t: Tensor<"float32">, rows: readonly number[]): Tensor<"float32"> {
  const time = t.dims[1]!;
  return float32(
    [rows.length, time],
    rows.flatMap((r) => [...t.data.slice(r * time, (r + 1) * time)]),
  );
}

/** Sums of a few dozen float32 numbers of size 1 to 10: PyTorch's own rounding. */
const TOLERANCE = 3e-6;

/** Equal within PyTorch's float32 rounding. */
export function assertClose(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance = TOLERANCE,
) {
  assert.equal(found.length, expected.length);
  for (let i = 0; i < found.length; i++) {
    const error = Math.abs(found[i]! - expected[i]!) / Math.max(1, Math.abs(expected[i]!));
    assert.ok(error <= tolerance, `element ${i} is ${found[i]}, expected ${expected[i]}`);
  }
}
