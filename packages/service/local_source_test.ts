import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "@decorum/settings";
import { checkAllowed } from "./local_source.ts";

Deno.test("what settings name must lie in the allowed folders, links followed", () => {
  const root = mkdtempSync(join(tmpdir(), "decorum-allowed-"));
  try {
    const models = join(root, "models");
    mkdirSync(join(models, "t5"), { recursive: true });
    mkdirSync(join(root, "models-of-others"));
    writeFileSync(join(models, "t5", "config.json"), "{}");
    writeFileSync(join(root, "secret"), "");
    const check = (path: string) => () => checkAllowed("named", path, [models]);
    check(join(models, "t5"))();
    check(models)();
    check(join(models, "t5", "config.json"))();
    check(join(models, "not-there-yet"))();
    checkAllowed("named", join(root, "secret"), null);

    symlinkSync(root, join(models, "up"));
    for (
      const path of [
        "/etc/passwd",
        join(root, "secret"),
        join(root, "models-of-others"),
        join(models, "..", "secret"),
        join(models, "up"),
        join(models, "up", "secret"),
        join(root, "nothing-here"),
      ]
    ) {
      assert.throws(check(path), (error) => {
        assert(error instanceof ConfigError);
        assert.match(error.message, /"named" lies outside what this service may read/, path);
        return true;
      });
    }
    symlinkSync(join(root, "secret"), join(models, "t5", "tokenizer.json"));
    assert.throws(check(join(models, "t5")), /holds tokenizer\.json, which leads out of it/);
  } finally {
    rmSync(root, { recursive: true });
  }
});
