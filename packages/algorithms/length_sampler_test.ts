import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import fc from "fast-check";
import { sampleLength } from "./length_sampler.ts";

Deno.test("lengths cover the range evenly, its end excluded", () => {
  const lengths = Array.from({ length: 40 }, (_, i) => sampleLength({ min: 3, max: 7 }, i / 40));
  for (const length of [3, 4, 5, 6]) {
    assert.equal(lengths.filter((l) => l === length).length, 10);
  }
});

Deno.test("a length always lies in its range", () => {
  const uniform = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 100 }),
      uniform,
      (min, more, u) => {
        const length = sampleLength({ min, max: min + more }, u);
        assert.ok(Number.isInteger(length) && length >= min && length < min + more);
      },
    ),
  );
});

Deno.test("an empty range and a number that is no uniform are refused", () => {
  assert.throws(() => sampleLength({ min: 4, max: 4 }, 0.5), /from 4 to 4 \(excluded\)/);
  assert.throws(() => sampleLength({ min: 0, max: 4 }, 0.5), InputError);
  assert.throws(() => sampleLength({ min: 1, max: 4 }, 1), /uniform 1/);
});
