import assert from "node:assert/strict";
import { type KlController, klController, updateKlController } from "./kl_controller.ts";
import { fixture } from "./testdata/trl.ts";

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
