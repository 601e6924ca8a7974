import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { checked, ConfigError, type ConfigSources, readSettings } from "./load.ts";

function load<S extends z.ZodType>(schema: S, sources: ConfigSources): z.output<S> {
  const { values, ...given } = readSettings(sources);
  return checked(schema, values, given);
}

const schema = z.strictObject({
  trainer: z.strictObject({
    batch_size: z.int().positive().default(16),
    reload: z.strictObject({ r: z.int().positive() }),
  }),
});

function file(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), "config-")), "decorum.yaml");
  writeFileSync(path, text);
  return path;
}

Deno.test("flags win over environment, environment over file, file over defaults", () => {
  const path = file("trainer:\n  reload: { r: 4 }\n");
  const env = { DECORUM_TRAINER__RELOAD__R: "8", DECORUM_HOME: "elsewhere" };
  assert.deepEqual(load(schema, { file: path }).trainer, {
    batch_size: 16,
    reload: { r: 4 },
  });
  assert.equal(load(schema, { file: path, env }).trainer.reload.r, 8);
  const set = ["trainer.reload.r=12", "trainer.batch_size=2"];
  assert.deepEqual(load(schema, { file: path, env, set }).trainer, {
    batch_size: 2,
    reload: { r: 12 },
  });
});

Deno.test("all problems are reported at once, with what was found and where", () => {
  const path = file("trainer:\n  batch_size: many\n  reload: {}\n  wrong: 1\n");
  const set = ["nonsense", "trainer.batch_size.deep=1"];
  assert.throws(() => load(schema, { file: path, set }), (error) => {
    assert.ok(error instanceof ConfigError);
    const text = error.message;
    assert.equal(error.problems.length, 5, text);
    assert.match(text, /trainer\.batch_size is "many".*decorum\.yaml/);
    assert.match(text, /trainer\.reload\.r is missing/);
    assert.match(text, /trainer\.wrong is unknown: .*decorum\.yaml/);
    assert.match(text, /--set nonsense: expected path=value/);
    assert.match(text, /trainer\.batch_size is "many", which has no fields/);
    return true;
  });
});

Deno.test("a file that is missing, broken or no mapping is named", () => {
  const reload = ["trainer.reload.r=1"];
  for (const path of [file("trainer: ["), file("- 1"), "no/such/file.yaml"]) {
    assert.throws(() => load(schema, { file: path, set: reload }), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.ok(error.message.includes(path), error.message);
      assert.equal(error.problems.length, 1, error.message);
      return true;
    });
  }
});

Deno.test("a template that YAML reads as a mapping: the message says how to quote it", () => {
  const named = z.strictObject({ prompt: z.string() });
  assert.throws(() => load(named, { set: ["prompt={dialogue}"] }), /expected string; quote/);
  assert.equal(load(named, { set: ['prompt="{dialogue}"'] }).prompt, "{dialogue}");
});
