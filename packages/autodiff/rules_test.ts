import assert from "node:assert/strict";
import process from "node:process";
import { SessionWorker } from "@decorum/runtime";
import { gradientCases } from "./testing/cases/mod.ts";
import { checkCase, seedsFrom } from "./testing/check_case.ts";

const seeds = seedsFrom(process.env);

for (const [family, operators] of Object.entries(gradientCases)) {
  Deno.test(`rules of ${family} agree with differences`, async (t) => {
    using worker = new SessionWorker();
    for (const [opType, cases] of Object.entries(operators)) {
      await t.step(opType, async () => {
        const failures: string[] = [];
        for (const gradientCase of cases) {
          await checkCase(opType, gradientCase, seeds, worker).catch((error: Error) =>
            failures.push(`case "${gradientCase.name}": ${error.message}`)
          );
        }
        assert.deepEqual(failures, []);
      });
    }
  });
}
