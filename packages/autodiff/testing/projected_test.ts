import assert from "node:assert/strict";
import { accuracyOf, type Checked, projectedError } from "./projected.ts";

const point = new Map([["x", Float64Array.of(0.3, -1.2, 2)]]);
const [u, v] = [Float64Array.of(1, -0.5, 2), new Map([["x", Float64Array.of(0.7, 1, -0.4)]])];

/** sin, with its gradient times a factor. */
function sine(factor: number): Checked {
  return {
    forward: (at) => Promise.resolve(at.get("x")!.map(Math.sin)),
    gradient: (at, u) =>
      Promise.resolve(new Map([["x", at.get("x")!.map((x, i) => factor * Math.cos(x) * u[i]!)]])),
  };
}

Deno.test("a right gradient is within the tolerance, one that is off by a little is not", async () => {
  for (const accuracy of Object.values(accuracyOf)) {
    assert.ok(await projectedError(sine(1), point, u, v, accuracy) < 1);
    const off = 1 + 4 * accuracy.tolerance;
    assert.ok(await projectedError(sine(off), point, u, v, accuracy) > 1);
    assert.ok(await projectedError(sine(-1), point, u, v, accuracy) > 1000);
  }
});
