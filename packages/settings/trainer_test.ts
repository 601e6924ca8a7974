import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";
import { ConfigError, loadConfig } from "./load.ts";
import { runConfigOf, trainerConfig } from "./trainer.ts";
import { parseRunConfig } from "./run.ts";

const schema = z.object({ trainer: trainerConfig });
const example = fileURLToPath(new URL("../../config/example.yaml", import.meta.url));
const least = ["trainer.model=m", "trainer.data={train: t.csv, prompt: '{a}'}"];

/** Dotted names of all fields. */
function fields(value: unknown, at = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [at];
  return Object.entries(value).flatMap(([key, part]) => fields(part, at ? `${at}.${key}` : key));
}

Deno.test("the example has every setting", () => {
  const { trainer } = loadConfig(schema, { file: example });
  const shown = fields(parse(readFileSync(example, "utf8")).trainer);
  const { trainer: plain } = loadConfig(schema, { set: least });
  const optional = ["data.split.train", "data.split.test"];
  assert.deepEqual(
    [...shown].filter((name) => !optional.includes(name)).sort(),
    fields(plain).filter((name) => name !== "data.split").sort(),
  );
  assert.deepEqual(parseRunConfig(runConfigOf(trainer)), runConfigOf(trainer));
});

Deno.test("the example shows the defaults of the algorithms", () => {
  const { trainer } = loadConfig(schema, { file: example });
  const { trainer: plain } = loadConfig(schema, { set: least });
  for (const name of ["algorithm", "ppo", "grpo", "rloo"] as const) {
    assert.deepEqual(trainer[name], plain[name], name);
  }
  assert.deepEqual(trainer.lora, plain.lora);
  assert.equal(
    trainer.data.prompt,
    "\nSummarize the following conversation.\n\n{dialogue}\n\nSummary:\n",
  );
});

Deno.test("all faults of the section are told at once", () => {
  const set = [
    "trainer.policy=[]",
    "trainer.reward=nowhere",
    "trainer.ppo.steps=-1",
    "trainer.data.x=1",
  ];
  assert.throws(() => loadConfig(schema, { set }), (error) => {
    assert.ok(error instanceof ConfigError);
    for (
      const field of ["trainer.policy", "trainer.reward", "trainer.ppo.steps", "trainer.model"]
    ) {
      assert.ok(error.problems.some((p) => p.startsWith(field)), `${field} in ${error.message}`);
    }
    return true;
  });
});
