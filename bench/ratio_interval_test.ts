import assert from "node:assert/strict";
import { ratioInterval } from "./ratio_interval.ts";

Deno.test("the interval of a ratio: equal pairs, a known sample, quantiles of the table", () => {
  const equal = ratioInterval([[2, 1], [4, 2], [6, 3]]);
  assert.deepEqual(equal, { pairs: 3, ratio: 2, low: 2, high: 2 });
  // Logarithms 0.1 and 0.3: mean 0.2, s 0.14142, t(1) 12.706, half 12.706 * 0.1.
  const two = ratioInterval([[Math.exp(0.1), 1], [Math.exp(0.3), 1]]);
  assert.ok(Math.abs(Math.log(two.high) - (0.2 + 1.2706)) < 1e-9);
  // 20 pairs of alternating logarithms ±1: s = sqrt(20/19), t(19) = 2.0930.
  const pairs = Array.from({ length: 20 }, (_, i) => [Math.exp(i % 2 ? 1 : -1), 1] as const);
  const expected = 2.093 * Math.sqrt(20 / 19) / Math.sqrt(20);
  assert.ok(Math.abs(Math.log(ratioInterval(pairs).high) - expected) < 1e-3);
  assert.throws(() => ratioInterval([[1, 1]]), /1 pairs: expected 2 or more/);
});
