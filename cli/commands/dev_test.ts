import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runDecorum } from "@decorum/testing/decorum";

Deno.test("dev runs a command with a collector, passes its exit code on, and writes its traces", async () => {
  const folder = mkdtempSync(join(tmpdir(), "decorum-dev-"));
  try {
    const out = join(folder, "traces.json");
    const { code, stderr } = await runDecorum(["dev", "--out", out, "demo", "--nonsense"]);
    assert.equal(code, 2, "the option is the command's");
    assert.match(stderr, /collecting spans at http:\/\/127\.0\.0\.1:\d+/);
    assert.match(stderr, /unknown option '--nonsense'/);
    assert.deepEqual(JSON.parse(readFileSync(out, "utf8")), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
