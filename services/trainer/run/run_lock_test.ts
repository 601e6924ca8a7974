import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { lockRun, tryLockRun } from "./run_lock.ts";
import { TemporaryFolder } from "@decorum/testing/folder";

Deno.test("a run has one holder", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "r");
  mkdirSync(path);
  const first = lockRun(path, "r");
  assert.equal(tryLockRun(path), undefined);
  assert.throws(() => lockRun(path, "r"), /Cannot take run "r": another trainer holds it/);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  tryLockRun(path)![Symbol.dispose]();
});
