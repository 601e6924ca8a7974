import assert from "node:assert/strict";
import { minibatchMetrics, stepMetrics, timingMetrics } from "@decorum/ppo";
import { fixture } from "./testing/fixture.ts";

Deno.test("a run raises the reward, and records every metric under TRL's name", async () => {
  await using all = await fixture();
  const { run, metrics, all: rows, messages } = await all.finished("up", {
    ppo: { steps: 12, ppo_epochs: 4, learning_rate: 0.02 },
  });
  assert.equal(run.state, "SUCCEEDED", run.message);
  assert.deepEqual([run.step, run.weightsVersion, run.checkpointStep], [12, 13, 12]);
  const rewards = metrics.map((m) => m["env/reward_mean"]!);
  console.log(rewards, metrics.map((m) => m["objective/kl"]), messages);
  const mean = (part: number[]) => part.reduce((a, b) => a + b, 0) / part.length;
  assert.ok(mean(rewards.slice(-4)) > mean(rewards.slice(0, 4)) + 0.5, `${rewards}`);
  for (const row of rows) {
    for (const name of [...minibatchMetrics, ...stepMetrics, ...timingMetrics]) {
      assert.ok(Number.isFinite(row[name]), name);
    }
  }
});
