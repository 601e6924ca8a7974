import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { caseFolders, describe, runCase } from "../tools/golden/runner.ts";

/** The project's own cases, recorded by `tools/golden/record.py`. */
for (const folder of caseFolders(fileURLToPath(new URL("./golden", import.meta.url)))) {
  Deno.test(`golden case ${folder.split("/").at(-1)}`, async () => {
    const result = await runCase(folder);
    assert.ok(result.ok, describe(result));
    assert.ok(result.comparisons.length > 0);
  });
}
