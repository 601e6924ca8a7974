import assert from "node:assert/strict";
import fc from "fast-check";
import { encoderRuns } from "./mod.ts";

Deno.test("the encoder runs over each prompt once, on the CPU over at most 1024 positions or one prompt", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 60 }),
      (lengths) => {
        for (const provider of ["cpu", "cuda"] as const) {
          const runs = encoderRuns(lengths, provider);
          assert.deepEqual(runs.flat().toSorted((a, b) => a - b), [...lengths.keys()]);
          if (provider === "cuda") continue;
          for (const run of runs) {
            const positions = run.length * Math.max(...run.map((i) => lengths[i]!));
            assert.ok(run.length === 1 || positions <= 1024, `${positions} positions`);
          }
        }
      },
    ),
  );
});

Deno.test("prompts of one length run in equal parts, on CUDA all at once", () => {
  const sizes = (count: number, provider: "cpu" | "cuda") =>
    encoderRuns(Array(count).fill(256), provider).map(({ length }) => length);
  assert.deepEqual(sizes(16, "cpu"), [4, 4, 4, 4]);
  assert.deepEqual(sizes(6, "cpu"), [3, 3]);
  assert.deepEqual(sizes(16, "cuda"), [16]);
});
