import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { freeAddress } from "@decorum/testing/ports";
import { type ServiceProcess, spawnService } from "@decorum/testing/process";
import type { Trainer } from "./trainer.ts";
import { type Changes, ended, type Finished, type Fixture, fixture } from "../testing/fixture.ts";

/** Learners as processes of their own; all are ended with it. */
class LearnerProcesses implements AsyncDisposable {
  readonly #running = new Map<string, ServiceProcess>();

  constructor(readonly all: Fixture) {}

  /** @returns the address, at which it is ready */
  async start(given?: string, threads = 1): Promise<string> {
    const address = given ?? await freeAddress();
    const child = spawnService(
      new URL("../../learner/main.ts", import.meta.url),
      `learner.listen=${address}`,
      `learner.threads=${threads}`,
      `model=${JSON.stringify(this.all.config().model)}`,
    );
    this.#running.set(address, child);
    await child.ready;
    return address;
  }

  async several(count: number): Promise<string[]> {
    return await Promise.all(Array.from({ length: count }, () => this.start()));
  }

  async kill(address: string): Promise<void> {
    await this.#running.get(address)!.end("SIGKILL");
  }

  signal(address: string, signal: "SIGSTOP" | "SIGCONT"): void {
    process.kill(this.#running.get(address)!.pid, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#running.values()) await child.end("SIGKILL");
  }
}

function adapterOf(all: Fixture, runId: string): string {
  const file = join(all.folder, "runs", runId, "adapter", "adapter_model.safetensors");
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** Resolves when a run has said so. */
async function said(trainer: Trainer, runId: string, text: RegExp): Promise<void> {
  await until(
    trainer,
    runId,
    () => trainer.store.events(runId).some(({ message }) => text.test(message)),
  );
}

async function reached(trainer: Trainer, runId: string, step: number): Promise<void> {
  await until(trainer, runId, () => trainer.run(runId).step >= step);
}

async function until(trainer: Trainer, runId: string, condition: () => boolean): Promise<void> {
  const never = new AbortController().signal;
  while (!condition()) {
    const { state, message } = trainer.run(runId);
    assert.match(state, /^(STARTING|RUNNING|PAUSED)$/, `too early: ${message}`);
    await trainer.store.changed(20, never);
  }
}

function checkSame(all: Fixture, found: Finished, whole: Finished, runId: string): void {
  assert.equal(found.run.state, "SUCCEEDED", found.run.message);
  assert.deepEqual(found.metrics, whole.metrics);
  assert.equal(adapterOf(all, runId), adapterOf(all, "whole"));
}

const algorithms: Readonly<Record<string, Changes>> = {
  ppo: { ppo: { micro_batch_size: 1 } },
  grpo: { other: { algorithm: "grpo" }, grpo: { steps: 2, max_new_tokens: 8 } },
  rloo: { other: { algorithm: "rloo" }, rloo: { steps: 2, max_new_tokens: 8 } },
};
for (const [name, changes] of Object.entries(algorithms)) {
  const counts = name === "ppo" ? [1, 2, 3] : [2];
  Deno.test(`${name}: ${counts} learners elsewhere learn what one in the trainer does, to the bit`, async () => {
    await using all = await fixture();
    await using processes = new LearnerProcesses(all);
    const addresses = await processes.several(Math.max(...counts));
    const whole = await all.finished("whole", changes);
    assert.equal(whole.run.state, "SUCCEEDED", whole.run.message);
    for (const count of counts) {
      const runId = `of-${count}`;
      const learners = addresses.slice(0, count);
      // A learner that another run has used just now would be waited for.
      if (count > 1) { for (const one of learners) await restart(processes, one); }
      const found = await all.finished(runId, {
        ...changes,
        other: { ...changes.other, learners },
      });
      checkSame(all, found, whole, runId);
      const { body } = await found.processMetrics.render();
      assert.match(body, /trainer_shard_seconds_count\{learner="[^}]*outcome="done"/);
    }
  });
}

async function restart(processes: LearnerProcesses, address: string): Promise<void> {
  await processes.kill(address);
  await processes.start(address);
}

Deno.test("learners that are killed, hang and join in mid-run change nothing", async () => {
  await using all = await fixture();
  await using processes = new LearnerProcesses(all);
  const changes = { ppo: { steps: 30, micro_batch_size: 1 } };
  const whole = await all.finished("whole", changes);
  const [first, second] = await processes.several(2);
  const late = await freeAddress();
  const trainer = all.trainer({
    ...changes,
    other: { learners: [first!, second!, late], learner_deadline_s: 2 },
  });
  await trainer.start({ runId: "r", configJson: "", resume: false });
  await reached(trainer, "r", 2);
  await processes.kill(first!);
  await said(trainer, "r", new RegExp(`waiting for learner ${first}`));
  await trainer.pause("r");
  await processes.start(late);
  trainer.resume("r");
  await said(trainer, "r", new RegExp(`learner ${late} is back`));
  processes.signal(second!, "SIGSTOP");
  await said(trainer, "r", new RegExp(`waiting for learner ${second}: .* did not finish`));
  await processes.start(first);
  processes.signal(second!, "SIGCONT");
  checkSame(all, await ended(trainer, "r"), whole, "r");
});

Deno.test("a run goes on from a checkpoint with another number of learners", async () => {
  await using all = await fixture();
  await using processes = new LearnerProcesses(all);
  const changes = { ppo: { steps: 6 } };
  const whole = await all.finished("whole", changes);
  const learners = await processes.several(2);
  const begun = all.trainer({ ...changes, other: { learners: learners.slice(0, 1) } });
  await begun.start({ runId: "r", configJson: "", resume: false });
  await reached(begun, "r", 2);
  await begun.close();
  const resumed = all.trainer({ ...changes, other: { learners } });
  await resumed.start({ runId: "r", configJson: "", resume: true });
  checkSame(all, await ended(resumed, "r"), whole, "r");
});

Deno.test("a learner with another number of threads is left out by name, or taken and noted", async () => {
  await using all = await fixture();
  await using processes = new LearnerProcesses(all);
  const [same, other] = [await processes.start(), await processes.start(undefined, 2)];
  const whole = await all.finished("whole", {});
  const learners = [same, other];
  const found = await all.finished("r", { other: { learners } });
  checkSame(all, found, whole, "r");
  const left = found.messages.find((message) => message.includes("left out"));
  assert.match(left ?? "", new RegExp(`learner ${other} is left out: threads 2, expected 1`));
  const none = await all.finished("none", { other: { learners: [other] } });
  assert.equal(none.run.state, "FAILED");
  assert.match(none.run.message, /No learner fits: threads 2, expected 1/);
  const taken = await all.finished("taken", {
    other: { learners: [other], allow_different_learners: true },
  });
  assert.equal(taken.run.state, "SUCCEEDED", taken.run.message);
  assert.match(taken.messages.join("\n"), /computes with threads 2, expected 1/);
});
