import assert from "node:assert/strict";
import { TemporaryFolder } from "@decorum/testing/folder";
import { RunStore } from "./store.ts";

const run = { totalSteps: 9, configJson: "{}", configHash: "h" };

Deno.test("steps come back exactly, in order, and a rewind forgets what came after", () => {
  using folder = new TemporaryFolder();
  using store = new RunStore(folder.path);
  store.createRun({ ...run, runId: "r", startedMs: 5 });
  const metrics = { "objective/kl": 0.1 + 0.2, "ppo/loss/total": -1e-300, nothing: NaN };
  const sample = { prompt: "p", response: "", score: 1.5, tokens: 0, scores: { reward: 1.5 } };
  for (const step of [1, 2, 3]) store.recordStep("r", { step, unixMs: step, metrics }, [sample]);
  store.addMetrics("r", 2, { "eval/kl": 7, nothing: 1 });
  assert.deepEqual(store.steps("r", 2), [
    { step: 2, unixMs: 2, metrics: { ...metrics, "eval/kl": 7, nothing: 1 } },
    { step: 3, unixMs: 3, metrics },
  ]);
  assert.deepEqual(store.samples("r", 3), [sample]);
  assert.throws(() => store.recordStep("r", { step: 3, unixMs: 0, metrics }, []), /UNIQUE/);
  store.addEvent("r", { step: 3, unixMs: 4, kind: "service", message: "said" });
  store.rewind("r", 1);
  assert.deepEqual(store.steps("r", 1).map(({ step }) => step), [1]);
  assert.deepEqual([store.samples("r", 2), store.metrics("r", 3)], [[], {}]);
  assert.deepEqual([store.run("r")?.step, store.run("r")?.checkpointStep], [1, 1]);
  assert.deepEqual(store.events("r").map(({ message }) => message), ["said"]);
});

Deno.test("what one process writes another reads", async () => {
  using folder = new TemporaryFolder();
  using writer = new RunStore(folder.path);
  using reader = new RunStore(folder.path);
  for (let i = 0; i < 5; i++) writer.createRun({ ...run, runId: `r${i}`, startedMs: 10 + i });
  assert.deepEqual(reader.runs(2, 0).map(({ runId }) => runId), ["r4", "r3"]);
  assert.deepEqual(reader.runs(9, 12).map(({ runId }) => runId), ["r1", "r0"]);
  assert.equal(reader.run("none"), undefined);
  let seen = false;
  const changed = writer.changed(10_000, new AbortController().signal).then(() => (seen = true));
  writer.setState("r0", "RUNNING", "m");
  await changed;
  assert.ok(seen);
  assert.deepEqual([reader.run("r0")?.state, reader.run("r0")?.message], ["RUNNING", "m"]);
});
