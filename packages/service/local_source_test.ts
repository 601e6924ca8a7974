import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "@decorum/settings";
import { TemporaryFolder } from "@decorum/testing/folder";
import { checkAllowed } from "./local_source.ts";

Deno.test("what settings name must lie in the allowed folders, links followed", () => {
  using root = new TemporaryFolder();
  const models = root.join("models");
  mkdirSync(join(models, "t5"), { recursive: true });
  mkdirSync(root.join("models-of-others"));
  writeFileSync(join(models, "t5", "config.json"), "{}");
  writeFileSync(root.join("secret"), "");
  const check = (path: string) => () => checkAllowed("named", path, [models]);
  check(join(models, "t5"))();
  check(models)();
  check(join(models, "t5", "config.json"))();
  check(join(models, "not-there-yet"))();
  checkAllowed("named", root.join("secret"), null);

  symlinkSync(root.path, join(models, "up"));
  for (
    const path of [
      "/etc/passwd",
      root.join("secret"),
      root.join("models-of-others"),
      join(models, "..", "secret"),
      join(models, "up"),
      join(models, "up", "secret"),
      root.join("nothing-here"),
    ]
  ) {
    assert.throws(check(path), (error) => {
      assert(error instanceof ConfigError);
      assert.match(error.message, /"named" lies outside what this service may read/, path);
      return true;
    });
  }
  symlinkSync(root.join("secret"), join(models, "t5", "tokenizer.json"));
  assert.throws(check(join(models, "t5")), /holds tokenizer\.json, which leads out of it/);
});
