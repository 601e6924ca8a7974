import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

function run(...args: string[]) {
  return spawnSync(process.execPath, ["run", "-A", ...args], { cwd: root, encoding: "utf8" });
}

Deno.test("the committed types are what the protos say", () => {
  const { status, stdout, stderr } = run("tools/protos.ts", "--check");
  assert.equal(status, 0, stdout + stderr);
});

Deno.test("the protos pass Buf's STANDARD and COMMENTS rules and its formatter", () => {
  const require = createRequire(import.meta.url);
  const buf = join(dirname(require.resolve("@bufbuild/buf/package.json")), "bin/buf");
  for (const args of [["lint", "protos"], ["format", "protos", "--diff", "--exit-code"]]) {
    const { status, stdout, stderr } = run(buf, ...args);
    assert.equal(status, 0, stdout + stderr);
  }
});
