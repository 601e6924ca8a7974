import assert from "node:assert/strict";
import fc from "fast-check";
import { gae, whiten } from "./advantages.ts";
import { mean, variance } from "./moments.ts";
import { assertClose } from "./testdata/trl.ts";
import { type Offsets, offsetsOf } from "./tokens.ts";

Deno.test("two tokens by hand", () => {
  const { advantages, returns } = gae(
    Float32Array.of(1, 2),
    Float32Array.of(0.5, 0.25),
    [0, 2],
    { gamma: 0.5, lam: 0.5 },
  );
  // delta1 = 2 - 0.25 = 1.75; delta0 = 1 + 0.5 * 0.25 - 0.5 = 0.625; A0 = 0.625 + 0.25 * 1.75 = 1.0625
  assert.deepEqual(advantages, Float32Array.of(1.0625, 1.75));
  assert.deepEqual(returns, Float32Array.of(1.5625, 2));
});

interface Case {
  readonly rewards: Float32Array;
  readonly values: Float32Array;
  readonly offsets: Offsets;
}
const cases: fc.Arbitrary<Case> = fc.array(fc.integer({ min: 1, max: 8 }), {
  minLength: 1,
  maxLength: 4,
}).chain((lengths) => {
  const offsets = offsetsOf(lengths);
  const n = offsets.at(-1)!;
  const tokens = fc.array(fc.float({ min: -3, max: 3, noNaN: true }), {
    minLength: n,
    maxLength: n,
  }).map((xs) => Float32Array.from(xs));
  return fc.record({ rewards: tokens, values: tokens, offsets: fc.constant(offsets) });
});
const unit = fc.double({ min: 0, max: 1, noNaN: true });
const ends = (offsets: Offsets) => offsets.slice(1).map((end, i) => [offsets[i]!, end] as const);

Deno.test("with lam = 1 the advantage is the discounted return minus the value", () => {
  fc.assert(fc.property(cases, unit, ({ rewards, values, offsets }, gamma) => {
    const { advantages, returns } = gae(rewards, values, offsets, { gamma, lam: 1 });
    for (const [start, end] of ends(offsets)) {
      let discounted = 0;
      for (let i = end - 1; i >= start; i--) {
        discounted = rewards[i]! + gamma * discounted;
        assertClose([returns[i]!], [discounted], 1e-5);
        assertClose([advantages[i]!], [discounted - values[i]!], 1e-5);
      }
    }
  }));
});

Deno.test("with lam = 0 the advantage is the error of one step", () => {
  fc.assert(fc.property(cases, unit, ({ rewards, values, offsets }, gamma) => {
    const { advantages } = gae(rewards, values, offsets, { gamma, lam: 0 });
    for (const [start, end] of ends(offsets)) {
      for (let i = start; i < end; i++) {
        const next = i + 1 < end ? values[i + 1]! : 0;
        assertClose([advantages[i]!], [rewards[i]! + gamma * next - values[i]!], 1e-5);
      }
    }
  }));
});

Deno.test("1, 3 and 5 become -1, 0 and 1; with the mean kept 2, 3 and 4", () => {
  const values = Float32Array.of(1, 3, 5);
  assert.deepEqual([...whiten(values)], [-1, 0, 1]);
  assert.deepEqual([...whiten(values, { shiftMean: false })], [2, 3, 4]);
  assert.deepEqual(whiten(Float32Array.of(7, 7)), Float32Array.of(0, 0));
});

Deno.test("whitened values have mean 0 and variance 1", () => {
  const numbers = fc.array(fc.float({ min: -50, max: 50, noNaN: true }), {
    minLength: 3,
    maxLength: 30,
  }).filter((xs) => Math.max(...xs) - Math.min(...xs) > 0.1);
  fc.assert(fc.property(numbers, (xs) => {
    const white = whiten(Float32Array.from(xs));
    assert.ok(Math.abs(mean(white)) < 1e-5);
    assert.ok(Math.abs(variance(white) - 1) < 1e-4);
  }));
});

Deno.test("what does not fit is refused by name", () => {
  const tokens = Float32Array.of(1, 2);
  const call = (change: { gamma?: number; lam?: number }, values = tokens) => () =>
    gae(tokens, values, [0, 2], { gamma: 1, lam: 1, ...change });
  assert.throws(call({ gamma: 1.1 }), /gamma is 1.1/);
  assert.throws(call({ lam: NaN }), /lam is NaN/);
  assert.throws(call({}, Float32Array.of(1)), /"values" has 1 numbers: expected 2/);
  assert.throws(() => whiten(Float32Array.of(1)), /1 token\(s\): expected at least 2/);
});
