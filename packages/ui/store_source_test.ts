import assert from "node:assert/strict";
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { RunStore, StoreError } from "@decorum/runs";
import { TemporaryFolder } from "@decorum/testing/folder";
import { storeSource } from "./store_source.ts";

/** A store that version 06144b7 wrote. */
const old = fileURLToPath(
  new URL("../../tests/system/testdata/old_runs/ppo/decorum.db", import.meta.url),
);

Deno.test("a store of an older version is shown and not changed", async () => {
  using folder = new TemporaryFolder();
  const file = folder.join("decorum.db");
  copyFileSync(old, file);
  using source = storeSource(folder.path);
  const [run] = await source.runs();
  assert.ok(source.older());
  const { runId, step } = run!;
  assert.ok((await source.run(runId))!.metricNames.includes("objective/kl"));
  const { curves, steps } = await source.curves(runId, { names: ["objective/kl"], points: 100 });
  assert.equal(steps.at(-1), step);
  assert.ok(curves[0]!.mean.every((value) => value !== null));
  assert.equal((await source.samples(runId, step)).length, 4);
  assert.deepEqual(await source.evaluations(runId), []);
  assert.deepEqual(readFileSync(file), readFileSync(old));
});

Deno.test("a store may be locked, damaged, gone and another one, and the page continues with what there is", async () => {
  using folder = new TemporaryFolder();
  const file = folder.join("decorum.db");
  using source = storeSource(folder.path);
  const fault = async () => {
    try {
      await source.runs();
      return "none";
    } catch (error) {
      assert.ok(error instanceof StoreError, String(error));
      return error.fault;
    }
  };
  assert.equal(await fault(), "missing");
  assert.deepEqual(readdirSync(folder.path), [], "nothing is made");

  const create = (runId: string) => {
    using store = new RunStore(folder.path);
    store.createRun({ runId, totalSteps: 1, startedMs: 1, configJson: "{}", configHash: "h" });
  };
  const names = async () => (await source.runs()).map(({ runId }) => runId);
  create("first");
  assert.deepEqual(await names(), ["first"]);
  create("second");
  assert.deepEqual((await names()).sort(), ["first", "second"], "what another connection wrote");

  for (const name of readdirSync(folder.path)) rmSync(folder.join(name));
  create("third");
  assert.deepEqual(await names(), ["third"], "a file that was put in its place");

  for (const name of readdirSync(folder.path)) rmSync(folder.join(name));
  copyFileSync(old, file);
  const other = new DatabaseSync(file);
  other.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
  assert.equal(await fault(), "locked");
  other.close();
  assert.equal(await fault(), "none");
  rmSync(file);
  writeFileSync(file, "no database".repeat(1000));
  assert.equal(await fault(), "damaged");
});
