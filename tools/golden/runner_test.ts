import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { caseFolders, describe, runCase } from "./runner.ts";

const own = fileURLToPath(new URL("../../tests/golden", import.meta.url));

/** A copy of the case `ppo_math`, changed. */
function changedCase(change: (json: Record<string, unknown>, folder: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), "decorum-golden-"));
  cpSync(join(own, "ppo_math"), folder, { recursive: true });
  const file = join(folder, "case.json");
  const json = JSON.parse(readFileSync(file, "utf8"));
  change(json, folder);
  writeFileSync(file, JSON.stringify(json));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

Deno.test("a missed tolerance fails and says how many elements miss it", async () => {
  using changed = changedCase((json) => Object.assign(json, { atol: 0, rtol: 1e-12 }));
  const result = await runCase(changed.folder);
  assert.equal(result.ok, false);
  assert.match(describe(result), /^FAIL .*elements miss atol 0, rtol 1e-12/);
});

Deno.test("an unknown kind is named beside the known ones", async () => {
  using changed = changedCase((json) => json["kind"] = "gpt_forward");
  assert.match((await runCase(changed.folder)).error ?? "", /"gpt_forward"; known are t5_forward,/);
});

Deno.test("a kind that every object has is unknown", async () => {
  using changed = changedCase((json) => json["kind"] = "constructor");
  assert.match((await runCase(changed.folder)).error ?? "", /known are/);
});

Deno.test("a malformed case fails with file and field", async () => {
  using noTolerance = changedCase((json) => delete json["atol"]);
  assert.match((await runCase(noTolerance.folder)).error ?? "", /case\.json: expected .*"atol"/);
  using noInputs = changedCase((_, folder) => rmSync(join(folder, "inputs.safetensors")));
  assert.match((await runCase(noInputs.folder)).error ?? "", /inputs\.safetensors/);
  using cut = changedCase((_, folder) => writeFileSync(join(folder, "expected.safetensors"), "x"));
  assert.match((await runCase(cut.folder)).error ?? "", /expected\.safetensors/);
  using noSteps = changedCase((json) => json["kind"] = "trl_steps");
  assert.match((await runCase(noSteps.folder)).error ?? "", /field "config/);
});

Deno.test("one case folder is a list of one; a folder of nothing is an error", () => {
  assert.deepEqual(caseFolders(join(own, "ppo_math")), [join(own, "ppo_math")]);
  assert.ok(caseFolders(own).length >= 7);
  assert.throws(() => caseFolders(join(own, "ppo_math", "case.json")), /no such folder/);
  const empty = mkdtempSync(join(tmpdir(), "decorum-golden-"));
  assert.throws(() => caseFolders(empty), /neither case.json nor folders/);
  rmSync(empty, { recursive: true });
});
