import assert from "node:assert/strict";
import { float32 } from "@decorum/tensor";
import { emptyMoments } from "./running_moments.ts";
import { clipScores, normalizeScores, penalizeMissingEos } from "./scores.ts";
import { assertClose, fixture } from "./testdata/trl.ts";

Deno.test("normalised scores equal TRL's use_score_scaling and use_score_norm, batch after batch", () => {
  let scaled = emptyMoments;
  let norm = emptyMoments;
  for (const step of fixture.moments) {
    const scores = float32([step.scores.length], step.scores);
    const a = normalizeScores(scores, scaled, "scale");
    const b = normalizeScores(scores, norm, "norm");
    assertClose(a.scores.data, step.scaled);
    assertClose(b.scores.data, step.norm);
    [scaled, norm] = [a.moments, b.moments];
  }
});

Deno.test("scores are clipped on both sides", () => {
  assert.deepEqual(clipScores(float32([3], [-5, 1, 3]), 2), float32([3], [-2, 1, 2]));
  assert.throws(() => clipScores(float32([1], [1]), 0), /scoreClip is 0/);
});

Deno.test("a response without eos pays the penalty", () => {
  const scores = float32([3], [1, 2, -3]);
  const found = penalizeMissingEos(scores, [true, false, false], 1.5);
  assert.deepEqual(found, float32([3], [1, 0.5, -4.5]));
  assert.throws(() => penalizeMissingEos(scores, [true], 1), /hasEos has 1 elements: expected 3/);
});
