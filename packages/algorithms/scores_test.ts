import assert from "node:assert/strict";
import fc from "fast-check";
import { mean, std } from "./statistics.ts";
import { checkScores, emptyMoments, runningStd, shapeScores, updateMoments } from "./scores.ts";
import { assertClose, fixture } from "./testdata/trl.ts";

const plain = {
  use_score_scaling: false,
  use_score_norm: false,
  score_clip: null,
  missing_eos_penalty: null,
};

Deno.test("normalised scores equal TRL's use_score_scaling and use_score_norm, batch after batch", () => {
  let [scaled, norm] = [emptyMoments, emptyMoments];
  for (const step of fixture.moments) {
    const shape = (moments: typeof scaled, use_score_norm: boolean) =>
      shapeScores(step.scores, step.scores.map(() => true), moments, {
        ...plain,
        use_score_scaling: true,
        use_score_norm,
      });
    const [a, b] = [shape(scaled, false), shape(norm, true)];
    assertClose(a.scores, step.scaled);
    assertClose(b.scores, step.norm);
    [scaled, norm] = [a.moments, b.moments];
  }
});

Deno.test("scores are scaled, then clipped, then lowered where there is no end", () => {
  const shape = (change: Partial<Parameters<typeof shapeScores>[3]>) =>
    shapeScores([1, 2, 6], [true, false, true], emptyMoments, { ...plain, ...change });
  assert.deepEqual(shape({}), { scores: [1, 2, 6], moments: emptyMoments });
  assert.deepEqual(shape({ score_clip: 2, missing_eos_penalty: 5 }).scores, [1, -3, 2]);
  const { scores, moments } = shape({
    use_score_scaling: true,
    use_score_norm: true,
    score_clip: 1,
  });
  assert.equal(moments.count, 3);
  assert.deepEqual([Math.sign(scores[0]!), scores[2]], [-1, 1]);
});

Deno.test("other numbers of scores, and scores that are not finite, are refused", () => {
  assert.throws(() => checkScores([1], 2), /1 scores: expected 2/);
  assert.throws(() => checkScores([1, NaN], 2), /score of response 1 is NaN/);
});

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
