import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type KlController,
  klController,
  type SampledKlKind,
  tokenKl,
  updateKlController,
} from "./kl.ts";
import { fixture } from "./testdata/trl.ts";

const kinds: readonly SampledKlKind[] = ["kl", "abs", "mse", "k3"];
const klOf = (kind: SampledKlKind, logprob: number, refLogprob: number) =>
  tokenKl(kind, Float32Array.of(logprob), Float32Array.of(refLogprob))[0]!;

Deno.test("each kind by hand, at twice and at half the reference's probability", () => {
  const ln2 = Math.fround(Math.log(2));
  const close = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-7, `${a} is not ${b}`);
  close(klOf("kl", 0, -ln2), ln2);
  close(klOf("kl", -ln2, 0), -ln2);
  close(klOf("abs", -ln2, 0), ln2);
  close(klOf("mse", -ln2, 0), 0.5 * ln2 * ln2);
  close(klOf("k3", 0, -ln2), 0.5 + ln2 - 1);
  close(klOf("k3", -ln2, 0), 2 - ln2 - 1);
});

const logprob = fc.float({ min: -20, max: 0, noNaN: true });

Deno.test("every kind is 0 where policy and reference agree; all but k1 are never negative", () => {
  fc.assert(fc.property(logprob, logprob, (a, b) => {
    for (const kind of kinds) {
      assert.equal(klOf(kind, a, a), 0);
      if (kind !== "kl") assert.ok(klOf(kind, a, b) >= 0, `${kind} of ${a}, ${b}`);
    }
  }));
});

Deno.test("k1, k3 and full agree in expectation over a distribution", () => {
  const p = [0.5, 0.3, 0.2], q = [0.2, 0.2, 0.6];
  const full = p.reduce((sum, pv, v) => sum + pv * Math.log(pv / q[v]!), 0);
  for (const kind of ["kl", "k3"] as const) {
    const expectation = p.reduce(
      (sum, pv, v) => sum + pv * klOf(kind, Math.log(pv), Math.log(q[v]!)),
      0,
    );
    assert.ok(Math.abs(expectation - full) < 1e-6);
  }
});

const start = klController({ kind: "adaptive", value: 0.2, target: 6, horizon: 10000 });

Deno.test("the adaptive coefficient follows TRL's AdaptiveKLController exactly", () => {
  let controller: KlController = start;
  for (const { kl, value } of fixture.controller) {
    controller = updateKlController(controller, kl, 256);
    assert.equal(controller.value, value);
  }
});

Deno.test("at the target it stays, far from it it changes by a fifth of n / horizon", () => {
  assert.equal(updateKlController(start, 6, 1000).value, 0.2);
  assert.equal(updateKlController(start, 600, 10000).value, 0.2 * 1.2);
  assert.equal(updateKlController(start, 0, 10000).value, 0.2 * 0.8);
});

Deno.test("the fixed coefficient stays as it is", () => {
  const fixed = klController({ kind: "fixed", value: 0.05 });
  assert.deepEqual(updateKlController(fixed, 100, 16), fixed);
});

Deno.test("the state survives JSON bit for bit", () => {
  const controller = updateKlController(start, 7, 16);
  const resumed = JSON.parse(JSON.stringify(controller)) as KlController;
  assert.deepEqual(updateKlController(resumed, 5, 16), updateKlController(controller, 5, 16));
});

Deno.test("what would poison the coefficient is refused", () => {
  assert.throws(() => updateKlController(start, NaN, 16), /from a KL of NaN/);
  assert.throws(() => klController({ kind: "fixed", value: -1 }), /value is -1/);
  assert.throws(() => klController({ ...start, target: 0 }), /target is 0/);
  assert.throws(() => klController({ ...start, horizon: Infinity }), /horizon is Infinity/);
});
