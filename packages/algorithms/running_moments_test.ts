import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import fc from "fast-check";
import { mean, std } from "./masked_moments.ts";
import { emptyMoments, runningStd, updateMoments } from "./running_moments.ts";
import { assertClose, fixture } from "./testdata/trl.ts";

Deno.test("moments equal TRL's RunningMoments", () => {
  let moments = emptyMoments;
  for (const step of fixture.moments) {
    moments = updateMoments(moments, step.scores);
    assertClose([moments.mean, moments.var, runningStd(moments)], [step.mean, step.var, step.std]);
  }
});

Deno.test("moments of parts are the moments of the whole", () => {
  const numbers = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 2 });
  fc.assert(fc.property(numbers, fc.nat(), (xs, at) => {
    const cut = at % (xs.length + 1);
    const parts = updateMoments(updateMoments(emptyMoments, xs.slice(0, cut)), xs.slice(cut));
    assertClose([parts.mean, runningStd(parts), parts.count], [mean(xs), std(xs), xs.length], 1e-9);
  }));
});

Deno.test("until two scores are seen the deviation is 1", () => {
  assert.equal(runningStd(emptyMoments), 1);
  assert.equal(runningStd(updateMoments(emptyMoments, [5])), 1);
  assert.equal(runningStd(updateMoments(updateMoments(emptyMoments, [5]), [5])), 0);
});

Deno.test("the state survives JSON bit for bit", () => {
  const moments = updateMoments(emptyMoments, [0.1, 0.2, -7]);
  assert.deepEqual(JSON.parse(JSON.stringify(moments)), moments);
});

Deno.test("a score that is not finite is refused", () => {
  assert.throws(() => updateMoments(emptyMoments, [1, NaN]), InputError);
});
