import assert from "node:assert/strict";
import fc from "fast-check";
import { float32 } from "@decorum/tensor";
import { accumulate, emptyAccumulation, meanGradients } from "./accumulate.ts";
import type { Params } from "./params.ts";

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
