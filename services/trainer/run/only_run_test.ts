import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "@decorum/settings";
import { theOnlyRun } from "./only_run.ts";
import { tryLockFile } from "@decorum/async";
import { type ServiceProcess, spawnService } from "@decorum/testing/process";
import { type Changes, type Fixture, fixture } from "../testing/fixture.ts";

const never = new AbortController().signal;

function adapter(all: Fixture, runId: string): Uint8Array {
  return readFileSync(join(all.folder, "runs", runId, "adapter", "adapter_model.safetensors"));
}

/** A trainer process that exists for run "r". */
function spawn(all: Fixture, changes: Changes): ServiceProcess {
  const { policy, reward, runs, model, data, ppo, rollout, checkpoint, seed } = all.config(
    changes,
  );
  const section = { policy, reward, runs, data, ppo, rollout, checkpoint, seed };
  const fixed = { ...section, run: "r", listen: "127.0.0.1:0", threads: 1 };
  const set = Object.entries(fixed).map(([key, value]) =>
    `trainer.${key}=${JSON.stringify(value)}`
  );
  return spawnService(
    new URL("../main.ts", import.meta.url),
    ...set,
    `model=${JSON.stringify(model)}`,
  );
}

Deno.test("a process for one run: interrupted, started again, done, and done already", async () => {
  await using all = await fixture();
  const changes: Changes = { ppo: { steps: 12 } };
  await all.finished("whole", changes);
  const { store } = all.trainer();
  {
    await using child = spawn(all, changes);
    while ((store.run("r")?.step ?? 0) < 2) await new Promise((r) => setTimeout(r, 20));
    const { code, errors } = await child.end("SIGTERM");
    assert.equal(code, 75, errors);
  }
  assert.equal(store.run("r")?.state, "INTERRUPTED");
  await using again = spawn(all, changes);
  const { code, errors } = await again.exit;
  assert.equal(code, 0, errors);
  assert.equal(store.run("r")?.state, "SUCCEEDED");
  assert.deepEqual(adapter(all, "r"), adapter(all, "whole"));
  // The rest needs no process of its own.
  assert.equal(await theOnlyRun(all.trainer(changes), "r", never), 0);
  await assert.rejects(
    theOnlyRun(all.trainer({ ppo: { steps: 13 } }), "r", never),
    (error: unknown) =>
      error instanceof ConfigError &&
      /another configuration: ppo\.steps differ; expected the same/.test(error.message),
  );
});

Deno.test("a process for one run: settings that changed are exit code 2, a run that fails 1", async () => {
  await using all = await fixture();
  const failing = all.trainer({ other: { reward_label: "none of its labels" } });
  assert.equal(await theOnlyRun(failing, "r", never), 1);
  await using child = spawn(all, { ppo: { steps: 1 } });
  const { code, errors } = await child.exit;
  assert.equal(code, 2, errors);
  assert.match(errors, /Cannot start trainer\..*\n.*trainer\.run is "r"/);
});

Deno.test("a process for one run: one that another trainer still holds is waited for", async () => {
  await using all = await fixture();
  const folder = join(all.folder, "runs", "r");
  mkdirSync(folder, { recursive: true });
  const trainer = all.trainer({ ppo: { steps: 1 } });
  const stopping = new AbortController();
  stopping.abort();
  assert.equal(await theOnlyRun(trainer, "r", stopping.signal), 75, "told to end at once");
  await all.finished("r", { ppo: { steps: 1 }, data: { prompt: "{text}" } });
  trainer.store.setState("r", "INTERRUPTED", "");
  const lock = tryLockFile(join(folder, "lock.db"))!;
  const ended = theOnlyRun(trainer, "r", never);
  assert.equal(await Promise.race([ended, new Promise((r) => setTimeout(r, 300))]), undefined);
  lock[Symbol.dispose]();
  assert.equal(await ended, 0);
});
