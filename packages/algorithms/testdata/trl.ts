import assert from "node:assert/strict";
import fixture from "./trl.json" with { type: "json" };

/** Numbers recorded from TRL 0.11.4 by `tools/golden/optim_ppo.py`. */
export { fixture };

const mask = fixture.inputs.mask;
const time = mask.dims[1]!;
const everyRow = Array.from({ length: mask.dims[0]! }, (_, i) => i);

/** Tokens of each recorded response that count. */
export const lengths = everyRow.map((row) =>
  mask.data.slice(row * time, (row + 1) * time).filter((m) => m === 1).length
);

/**
 * The tokens that count of a recorded `[batch, time]` tensor, `[tokens]`.
 *
 * @param rows that it holds, of those of the batch
 */
export function counted({ data }: { data: number[] }, rows = everyRow): Float32Array {
  return Float32Array.from(
    rows.flatMap((row, i) =>
      data.slice(i * time, (i + 1) * time).filter((_, t) => mask.data[row * time + t] === 1)
    ),
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
