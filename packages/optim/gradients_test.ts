import assert from "node:assert/strict";
import fc from "fast-check";
import fixture from "./testdata/torch.json" with { type: "json" };
import { float32, InputError } from "@decorum/tensor";
import {
  accumulate,
  accumulating,
  clipByGlobalNorm,
  emptyAccumulation,
  findNonFinite,
  globalNorm,
  meanGradients,
  NonFiniteGradientError,
  type Params,
} from "./gradients.ts";

const of = (...values: number[]): Params => new Map([["w", float32([values.length], values)]]);
const fill = (micro: readonly (readonly [Params, number])[]) =>
  micro.reduce((sum, [grads, tokens]) => accumulate(sum, grads, tokens), emptyAccumulation);

Deno.test("micro-batches weigh by their tokens", () => {
  const sum = fill([[of(1, 10), 3], [of(5, -2), 1]]);
  assert.equal(sum.tokens, 4);
  assert.deepEqual(meanGradients(sum).get("w")!.data, Float32Array.of(2, 7));
});

Deno.test("how a mini-batch is cut does not matter", () => {
  // Gradient of one token each; a micro-batch hands in the mean of its tokens.
  const tokens = fc.array(fc.float({ noNaN: true, min: -100, max: 100 }), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(fc.property(tokens, fc.infiniteStream(fc.nat({ max: 6 })), (perToken, cuts) => {
    let sum = emptyAccumulation;
    for (let i = 0; i < perToken.length;) {
      const part = perToken.slice(i, i + 1 + cuts.next().value!);
      sum = accumulate(sum, of(part.reduce((a, b) => a + b) / part.length), part.length);
      i += part.length;
    }
    const whole = perToken.reduce((a, b) => a + b) / perToken.length;
    assert.ok(Math.abs(meanGradients(sum).get("w")!.data[0]! - whole) < 1e-5);
  }));
});

Deno.test("one micro-batch comes back bit for bit", () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.nat(10000), (g, n) => {
      assert.equal(meanGradients(accumulate(emptyAccumulation, of(g), n + 1)).get("w")!.data[0], g);
    }),
  );
});

Deno.test("a micro-batch of no token adds nothing, though its mean is NaN", () => {
  const sum = fill([[of(NaN), 0], [of(3), 2], [of(NaN), 0]]);
  assert.deepEqual(meanGradients(sum).get("w")!.data, Float32Array.of(3));
});

Deno.test("adding stops often, within large tensors too, and gives the same", () => {
  const large = new Float32Array(2 ** 20 + 5).map((_, i) => 1 / (i + 3));
  const grads: Params = new Map([["w", float32([large.length], large)], ["b", float32([1], [2])]]);
  const before = accumulate(emptyAccumulation, grads, 3);
  const expected = accumulate(before, grads, 4);
  const steps = accumulating(before, grads, 4);
  let stops = 0;
  for (let step = steps.next();; step = steps.next()) {
    if (!step.done) stops++;
    else {
      assert.deepEqual(step.value, expected);
      break;
    }
  }
  assert.equal(stops, 6);
});

Deno.test("NaN in a micro-batch with tokens is kept for the check that follows", () => {
  assert.ok(Number.isNaN(meanGradients(fill([[of(NaN), 1], [of(3), 2]])).get("w")!.data[0]));
});

Deno.test("micro-batches that do not fit each other are refused", () => {
  const sum = fill([[of(1), 1]]);
  const both: Params = new Map([...of(1), ["x", float32([1], [1])]]);
  assert.throws(
    () => accumulate(sum, of(1, 2), 1),
    /gradient of "w" is float32 \[2\]: expected float32 \[1\]/,
  );
  assert.throws(() => accumulate(sum, both, 1), /Gradient "x" was in no earlier micro-batch/);
  assert.throws(() => accumulate(fill([[both, 1]]), of(1), 1), /No gradient for "x"/);
  assert.throws(() => accumulate(sum, of(1), 0.5), /0.5 tokens/);
  assert.throws(() => meanGradients(emptyAccumulation), /0 tokens/);
});

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
