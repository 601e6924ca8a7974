import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient, trainerService } from "@decorum/rpc";
import { freeAddress } from "@decorum/testing/ports";
import { randomKey, uniforms } from "@decorum/tensor";
import { checkpointName } from "@decorum/learning";
import { type ServiceProcess, spawnProgram, spawnService } from "@decorum/testing/process";
import { ended, finishedRun, type Fixture, fixture } from "../testing/fixture.ts";

const main = new URL("../main.ts", import.meta.url);
const files = [
  "adapter/adapter_model.safetensors",
  "adapter/model.safetensors",
  "optimizer.safetensors",
];

/** What must be equal at the end: adapter, value head where there is one, optimizer's state, in this order. */
function finalBytes(folder: string, runId: string, step: number): (string | undefined)[] {
  const checkpoint = join(folder, "runs", runId, "checkpoints", checkpointName(step));
  return files.map((file) => join(checkpoint, file))
    .map((path) => existsSync(path) ? readFileSync(path, "base64") : undefined);
}

/** Settings that give a trainer process the fixture's configuration. */
function settings(all: Fixture, ...more: string[]): string[] {
  const { policy, reward, runs, model, data, ppo, rollout, checkpoint, seed } = all.config();
  const section = { policy, reward, runs, data, ppo, rollout, checkpoint, seed };
  const set = Object.entries(section).map(([key, value]) =>
    `trainer.${key}=${JSON.stringify(value)}`
  );
  return [
    ...set,
    `model=${JSON.stringify(model)}`,
    "trainer.listen=127.0.0.1:0",
    "trainer.threads=1",
    ...more,
  ];
}

/** A trainer is killed `kills` times; at most 7 steps a life, some of them none, and then anywhere in a step. */
async function killed(algorithm: "ppo" | "grpo", steps: number, kills: number): Promise<void> {
  await using all = await fixture();
  const { ppo, grpo } = all.config();
  const sections = {
    ppo: { ...ppo, steps },
    grpo: { ...grpo, steps, max_new_tokens: 8, learning_rate: 0.01, num_iterations: 2 },
  };
  const whole = await all.finished("whole", { other: { algorithm }, ...sections });
  assert.equal(whole.run.state, "SUCCEEDED", whole.run.message);
  const moments = uniforms(randomKey(Date.now(), "moments of kills"), 0, kills);
  const checkpoint = { every_steps: 3, keep: 2 };
  const configJson = JSON.stringify({ algorithm, ...sections, checkpoint });
  const { store } = all.trainer();
  const live = async (steps: number, ms: number) => {
    await using child = spawnService(main, ...settings(all));
    using client = createClient(trainerService, { address: await child.ready });
    const known = store.run("r");
    const start = known ? { resume: true } : { configJson };
    await client.startRun({ runId: "r", ...start });
    const target = (known?.checkpointStep ?? 0) + steps;
    for await (const { step } of client.watchMetrics({ runId: "r", fromStep: 1 })) {
      if (step >= target) break;
    }
    await new Promise((resolve) => setTimeout(resolve, ms));
    await child.end("SIGKILL");
  };
  for (const moment of moments) await live(Math.floor(moment * 8), moment * 997 % 1 * 150);
  assert.notEqual(store.run("r")?.state, "SUCCEEDED", "it was killed before its end");
  await live(Infinity, 0);
  const { run, metrics } = finishedRun(all.trainer(), "r");
  assert.equal(run.state, "SUCCEEDED", `${run.message} after kills at ${moments}`);
  assert.deepEqual(metrics, whole.metrics, `after kills at ${moments}`);
  assert.deepEqual(finalBytes(all.folder, "r", steps), finalBytes(all.folder, "whole", steps));
}

Deno.test("a trainer that is killed at any moment and resumed ends as one that was not", () =>
  killed("ppo", 60, 5));

Deno.test("a trainer that is killed while it runs GRPO ends as one that was not", () =>
  killed("grpo", 12, 1));

Deno.test("a trainer that is told to end keeps what it has, and continues from there", async () => {
  await using all = await fixture();
  const steps = 6;
  const whole = await all.finished("whole", { ppo: { steps } });
  await using child = spawnService(
    main,
    ...settings(all, "trainer.checkpoint.every_steps=0"),
  );
  using client = createClient(trainerService, { address: await child.ready });
  await client.startRun({ runId: "r", configJson: JSON.stringify({ ppo: { steps } }) });
  let seen = 0;
  for await (const { step } of client.watchMetrics({ runId: "r", fromStep: 1 })) {
    seen = Math.max(seen, step);
    if (seen === 2) break;
  }
  const { code, errors } = await child.end("SIGTERM");
  assert.equal(code, 0, errors);
  const trainer = all.trainer();
  const { state, checkpointStep } = trainer.run("r");
  assert.equal(state, "INTERRUPTED");
  assert.ok(checkpointStep >= 2 && checkpointStep < steps);
  await trainer.start({ runId: "r", configJson: "", resume: true });
  const { metrics } = await ended(trainer, "r");
  assert.deepEqual(metrics, whole.metrics);
});

Deno.test("a policy or a reward that is killed comes back, and the run ends as if it had not", async () => {
  await using all = await fixture();
  const { model } = all.config();
  const here = (path: string) => new URL(path, import.meta.url);
  const startPolicy = (listen: string) =>
    spawnService(
      here("../../policy/main.ts"),
      `policy.listen=${listen}`,
      `model=${JSON.stringify(model)}`,
      "policy.threads=1",
    );
  const startReward = (listen: string) =>
    spawnProgram(here("../testing/reward_child.ts"), [listen]);
  const [policyAddress, rewardAddress] = [await freeAddress(), await freeAddress()];
  const services: Record<"policy" | "reward", ServiceProcess> = {
    policy: startPolicy(policyAddress),
    reward: startReward(rewardAddress),
  };
  try {
    const { policy, reward } = services;
    await Promise.all([policy.ready, reward.ready]);
    const changes = {
      ppo: { steps: 6 },
      other: { policy: [policyAddress], reward: rewardAddress },
    };
    const whole = await all.finished("whole", changes);
    assert.equal(whole.run.state, "SUCCEEDED", whole.run.message);
    const trainer = all.trainer(changes);
    await trainer.start({ runId: "r", configJson: "", resume: false });
    const never = new AbortController().signal;
    const reached = async (step: number) => {
      while (trainer.run("r").step < step) await trainer.store.changed(20, never);
    };
    const said = async (text: string) => {
      while (!trainer.store.events("r").some(({ message }) => message.startsWith(text))) {
        await trainer.store.changed(20, never);
      }
    };
    await reached(2);
    await policy.end("SIGKILL");
    await said("waiting for policy");
    services.policy = startPolicy(policyAddress);
    await reached(4);
    await reward.end("SIGKILL");
    await said("waiting for reward");
    services.reward = startReward(rewardAddress);
    const { run, metrics, messages } = await ended(trainer, "r");
    assert.equal(run.state, "SUCCEEDED", run.message);
    assert.deepEqual(metrics, whole.metrics);
    assert.deepEqual(finalBytes(all.folder, "r", 6), finalBytes(all.folder, "whole", 6));
    assert.match(messages.join("\n"), /waiting for policy .*\n(.*\n)*policy .* is back after/);
    assert.match(messages.join("\n"), /waiting for reward .*\n(.*\n)*reward .* is back after/);
  } finally {
    await services.policy[Symbol.asyncDispose]();
    await services.reward[Symbol.asyncDispose]();
  }
});
