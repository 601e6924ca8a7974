import assert from "node:assert/strict";
import fc from "fast-check";
import { float32, type Tensor } from "@decorum/tensor";
import { gae } from "./gae.ts";
import { responseMask } from "./masks.ts";
import { assertClose } from "./testdata/trl.ts";

Deno.test("two tokens by hand", () => {
  const { advantages, returns } = gae({
    rewards: float32([1, 2], [1, 2]),
    values: float32([1, 2], [0.5, 0.25]),
    mask: responseMask([2]),
    gamma: 0.5,
    lam: 0.5,
  });
  // delta1 = 2 - 0.25 = 1.75; delta0 = 1 + 0.5 * 0.25 - 0.5 = 0.625; A0 = 0.625 + 0.25 * 1.75 = 1.0625
  assert.deepEqual(advantages, float32([1, 2], [1.0625, 1.75]));
  assert.deepEqual(returns, float32([1, 2], [1.5625, 2]));
});

Deno.test("padding has no influence, whatever it holds", () => {
  const mask = responseMask([2, 3]);
  const padded = { rewards: float32([2, 3], [1, 2, NaN, 1, 2, 3]), mask, gamma: 0.9, lam: 0.8 };
  const values = float32([2, 3], [1, 2, Infinity, 3, 2, 1]);
  const alone = gae({
    rewards: float32([1, 2], [1, 2]),
    values: float32([1, 2], [1, 2]),
    mask: responseMask([2]),
    gamma: 0.9,
    lam: 0.8,
  });
  const { advantages, returns } = gae({ ...padded, values });
  assert.deepEqual([...advantages.data.slice(0, 3)], [...alone.advantages.data, 0]);
  assert.deepEqual([...returns.data.slice(0, 3)], [...alone.returns.data, 0]);
});

interface Case {
  readonly rewards: Tensor<"float32">;
  readonly values: Tensor<"float32">;
  readonly mask: Tensor<"float32">;
  readonly lengths: readonly number[];
}
const TIME = 8;
const cases: fc.Arbitrary<Case> = fc.array(fc.integer({ min: 1, max: TIME }), {
  minLength: 1,
  maxLength: 4,
}).chain((lengths) => {
  const n = lengths.length * TIME;
  const token = fc.array(fc.float({ min: -3, max: 3, noNaN: true }), { minLength: n, maxLength: n })
    .map((xs) => float32([lengths.length, TIME], xs));
  return fc.record({
    rewards: token,
    values: token,
    mask: fc.constant(responseMask(lengths, TIME)),
    lengths: fc.constant(lengths),
  });
});
const unit = fc.double({ min: 0, max: 1, noNaN: true });

Deno.test("with lam = 1 the advantage is the discounted return minus the value", () => {
  fc.assert(fc.property(cases, unit, ({ lengths, ...inputs }, gamma) => {
    const { advantages, returns } = gae({ ...inputs, gamma, lam: 1 });
    for (const [row, length] of lengths.entries()) {
      let discounted = 0;
      for (let i = row * TIME + length - 1; i >= row * TIME; i--) {
        discounted = inputs.rewards.data[i]! + gamma * discounted;
        assertClose([returns.data[i]!], [discounted], 1e-5);
        assertClose([advantages.data[i]!], [discounted - inputs.values.data[i]!], 1e-5);
      }
    }
  }));
});

Deno.test("with lam = 0 the advantage is the error of one step", () => {
  fc.assert(fc.property(cases, unit, ({ lengths, ...inputs }, gamma) => {
    const { advantages } = gae({ ...inputs, gamma, lam: 0 });
    for (const [row, length] of lengths.entries()) {
      for (let t = 0; t < length; t++) {
        const i = row * TIME + t;
        const next = t + 1 < length ? inputs.values.data[i + 1]! : 0;
        const delta = inputs.rewards.data[i]! + gamma * next - inputs.values.data[i]!;
        assertClose([advantages.data[i]!], [delta], 1e-5);
      }
    }
  }));
});

Deno.test("coefficients out of range and other shapes are refused by name", () => {
  const mask = responseMask([2]);
  const inputs = { rewards: mask, values: mask, mask, gamma: 1, lam: 1 };
  assert.throws(() => gae({ ...inputs, gamma: 1.1 }), /gamma is 1.1/);
  assert.throws(() => gae({ ...inputs, lam: NaN }), /lam is NaN/);
  assert.throws(() => gae({ ...inputs, values: responseMask([3]) }), /"values" has shape \[1,3\]/);
});
