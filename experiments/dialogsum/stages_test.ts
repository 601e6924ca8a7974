import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Stages } from "./stages.ts";

Deno.test("a stage is done once, continues where it was cut off, and starts again when its inputs change", async () => {
  const out = mkdtempSync(join(tmpdir(), "decorum-stages-"));
  try {
    const stages = new Stages(out, () => {});
    const seen: boolean[] = [];
    const work = (fails: boolean) => (folder: string) => {
      seen.push(existsSync(join(folder, "half")));
      writeFileSync(join(folder, "half"), "");
      if (fails) throw new Error("cut off");
      return seen.length;
    };
    await assert.rejects(stages.run("a", [1], work(true)), /cut off/);
    assert.equal((await stages.run("a", [1], work(false))).result, 2);
    const again = await stages.run("a", [1], work(false));
    assert.equal(again.result, 2);
    const other = await stages.run("a", [2], work(false));
    assert.equal(other.result, 3);
    assert.notEqual(other.inputs, again.inputs);
    assert.deepEqual(seen, [false, true, false]);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
});
