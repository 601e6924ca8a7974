import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { freeAddress } from "@decorum/testing/ports";
import { type ServiceProcess, spawnService } from "@decorum/testing/process";
import { Relay } from "@decorum/testing/relay";
import type { Trainer } from "../run/trainer.ts";
import { type Changes, ended, type Finished, type Fixture, fixture } from "./fixture.ts";

const few = { batch_size: 8, mini_batch_size: 8, num_iterations: 2, max_new_tokens: 8 };
const group = { ...few, micro_batch_size: 1, learning_rate: 0.02 };
/** Four shards, each with all responses to a prompt, which is encoded once. */
const wholePrompts = {
  ...{ batch_size: 16, mini_batch_size: 16, micro_batch_size: 4 },
  share_prompts: true,
};
/** A run of each algorithm. */
export const algorithms = {
  ppo: (steps: number): Changes => ({ ppo: { steps, micro_batch_size: 1 } }),
  grpo: (steps: number): Changes => ({
    other: { algorithm: "grpo" },
    grpo: { ...group, ...wholePrompts, num_generations: 4, steps },
  }),
  rloo: (steps: number): Changes => ({
    other: { algorithm: "rloo" },
    rloo: { ...group, rloo_k: 4, share_prompts: false, steps },
  }),
};

/** Learners as processes of their own; all are ended with it. */
export class LearnerProcesses implements AsyncDisposable {
  readonly #running = new Map<string, ServiceProcess>();

  /** @param settings of all of them, as "learner.threads=1" */
  constructor(readonly all: Fixture, readonly settings: readonly string[] = []) {}

  /** @returns the address, at which it is ready */
  async start(given?: string, ...settings: string[]): Promise<string> {
    const address = given ?? await freeAddress();
    const child = spawnService(
      new URL("../../learner/main.ts", import.meta.url),
      `learner.listen=${address}`,
      "learner.threads=1",
      `model=${JSON.stringify(this.all.config().model)}`,
      ...this.settings,
      ...settings,
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

  /** A new process at the same address. */
  async restart(address: string): Promise<void> {
    await this.kill(address);
    await this.start(address);
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

/** A run has ended well, with the adapter and the metrics of run "whole". */
export function checkSame(all: Fixture, found: Finished, whole: Finished, runId: string): void {
  assert.equal(whole.run.state, "SUCCEEDED", whole.run.message);
  assert.equal(found.run.state, "SUCCEEDED", found.run.message);
  assert.deepEqual(found.metrics, whole.metrics);
  assert.equal(adapterOf(all, runId), adapterOf(all, "whole"));
}

/** Resolves when a run has said so. */
export async function said(trainer: Trainer, runId: string, text: RegExp): Promise<void> {
  await until(
    trainer,
    runId,
    () => trainer.store.events(runId).some(({ message }) => text.test(message)),
  );
}

export async function reached(trainer: Trainer, runId: string, step: number): Promise<void> {
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

/** Runs with 1, 2 and 3 learners elsewhere end as one in the trainer's process. */
export async function several(changes: Changes): Promise<void> {
  await using all = await fixture();
  await using processes = new LearnerProcesses(all);
  const [whole, addresses] = await Promise.all([
    all.finished("whole", changes),
    processes.several(3),
  ]);
  for (const count of [1, 2, 3]) {
    const runId = `of-${count}`;
    const learners = addresses.slice(0, count);
    const found = await all.finished(runId, {
      ...changes,
      other: { ...changes.other, learners },
    });
    checkSame(all, found, whole, runId);
    const { body } = await found.processMetrics.render();
    assert.match(body, /trainer_shard_seconds_count\{learner="[^}]*outcome="done"/);
  }
}

/**
 * A run of which one learner is killed in the middle of its answer, one joins, one is stopped while it has a micro-batch, and the
 * trainer continues from a checkpoint with one learner of the three: it must end as one in the trainer's process alone.
 *
 * @param changes of at least 12 steps
 * @param options.stoppedMs how long one is stopped beyond the trainer's deadline for it
 */
export async function turmoil(
  changes: Changes,
  { deadlineS = 2, stoppedMs = 0 }: {
    readonly deadlineS?: number;
    readonly stoppedMs?: number;
  } = {},
): Promise<void> {
  await using all = await fixture();
  await using processes = new LearnerProcesses(all);
  const whole = await all.finished("whole", changes);
  const [first, second] = await processes.several(2) as [string, string];
  await using killed = await Relay.open(first);
  await using stopped = await Relay.open(second);
  const late = await freeAddress();
  const over = (learners: string[]): Changes => ({
    ...changes,
    other: { ...changes.other, learners, learner_deadline_s: deadlineS },
  });
  const trainer = all.trainer(over([killed.address, stopped.address, late]));
  await trainer.start({ runId: "r", configJson: "", resume: false });
  await reached(trainer, "r", 1);

  // Only gradients are as large as what the relay waits for: a part of them has come.
  await killed.hold("answers");
  await processes.kill(first);
  killed.release();
  await said(trainer, "r", new RegExp(`waiting for learner ${killed.address}`));

  await trainer.pause("r");
  await processes.start(late);
  trainer.resume("r");
  await said(trainer, "r", new RegExp(`learner ${late} is back`));

  await stopped.hold("requests");
  processes.signal(second, "SIGSTOP");
  stopped.release();
  await said(
    trainer,
    "r",
    new RegExp(`waiting for learner ${stopped.address}: .* did not finish`),
  );
  await sleep(stoppedMs);
  processes.signal(second, "SIGCONT");

  await trainer.pause("r");
  await trainer.close();
  const resumed = all.trainer(over([late]));
  await resumed.start({ runId: "r", configJson: "", resume: true });
  checkSame(all, await ended(resumed, "r"), whole, "r");
}
