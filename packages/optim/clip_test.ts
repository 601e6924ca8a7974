import assert from "node:assert/strict";
import fc from "fast-check";
import { float32, InputError } from "@decorum/tensor";
import { clipByGlobalNorm, globalNorm } from "./clip.ts";
import { findNonFinite, NonFiniteGradientError } from "./finite.ts";
import type { Params } from "./params.ts";
import fixture from "./testdata/torch.json" with { type: "json" };

for (const { maxNorm, grads, norm, clipped } of fixture.clip) {
  Deno.test(`clipping to norm ${maxNorm} equals torch.nn.utils.clip_grad_norm_`, () => {
    const given: Params = new Map(
      Object.entries(grads).map(([k, { dims, data }]) => [k, float32(dims, data)]),
    );
    const found = clipByGlobalNorm(given, maxNorm);
    assert.ok(Math.abs(found.norm / norm - 1) < 1e-6);
    for (const [name, expected] of Object.entries(clipped)) {
      for (const [i, e] of expected.entries()) {
        assert.ok(Math.abs(found.grads.get(name)!.data[i]! - e) < 2e-7);
      }
    }
  });
}

Deno.test("3, 4 and 12 in two tensors have norm 13", () => {
  const grads: Params = new Map([["a", float32([2], [3, 4])], ["b", float32([], [12])]]);
  const { norm, grads: clipped } = clipByGlobalNorm(grads, 1.3);
  assert.equal(norm, 13);
  assert.deepEqual(clipped.get("a")!.data, Float32Array.of(3, 4).map((x) => x * 1.3 / 13.000001));
  assert.deepEqual(clipped.get("b")!.dims, []);
});

Deno.test("gradients short enough are returned as they are", () => {
  const grads: Params = new Map([["a", float32([2], [0.3, 0.4])]]);
  assert.equal(clipByGlobalNorm(grads, 1).grads, grads);
  assert.equal(clipByGlobalNorm(grads, Infinity).grads, grads);
  assert.deepEqual(clipByGlobalNorm(new Map([["a", float32([1], [0])]]), 1).norm, 0);
});

Deno.test("float32's largest numbers do not overflow the norm", () => {
  const largest = 3.4028234663852886e38;
  const { norm } = clipByGlobalNorm(new Map([["a", float32([2], [largest, largest])]]), 1);
  assert.ok(Math.abs(norm / (largest * Math.SQRT2) - 1) < 1e-15);
});

Deno.test("after clipping the norm is at most the limit", () => {
  const values = fc.array(fc.float({ noNaN: true, min: -1e4, max: 1e4 }), { minLength: 1 });
  fc.assert(fc.property(values, fc.double({ min: 1e-2, max: 1e3, noNaN: true }), (xs, limit) => {
    const { grads } = clipByGlobalNorm(new Map([["a", float32([xs.length], xs)]]), limit);
    assert.ok(globalNorm(grads) <= limit * (1 + 1e-6));
  }));
});

Deno.test("a gradient that is not finite is named", () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    const grads: Params = new Map([["a", float32([1], [1])], [
      "q.lora_B",
      float32([2], [1, value]),
    ]]);
    const at = { name: "q.lora_B", index: 1, value };
    assert.deepEqual(findNonFinite(grads), at);
    assert.throws(() => clipByGlobalNorm(grads, 1), (error) => {
      assert.ok(error instanceof NonFiniteGradientError);
      assert.deepEqual(error.at, at);
      assert.match(error.message, new RegExp(`gradient of "q.lora_B" is ${value} at element 1`));
      return true;
    });
  }
});

Deno.test("a limit that is not above 0 is refused", () => {
  for (const limit of [0, -1, NaN]) {
    assert.throws(() => clipByGlobalNorm(new Map(), limit), InputError);
  }
});
