import assert from "node:assert/strict";
import process from "node:process";
import { randomKey, uniforms } from "@decorum/tensor";
import { gone, servicesOf, startDecorum } from "@decorum/testing/decorum";
import { System } from "../system/testing/system.ts";

const STEPS = 40;
const KILLS = 5;

for (const algorithm of ["ppo", "grpo", "rloo"]) {
  Deno.test(`${algorithm}: a trainer that is killed at five random moments ends as one that was not`, () =>
    killed(algorithm));
}

async function killed(algorithm: string): Promise<void> {
  using system = await System.make();
  const command = (name: "train" | "resume", ...args: string[]) =>
    startDecorum([name, ...args, "--config", system.config, "--verbose", ...settings], {
      cwd: system.folder,
    });
  const settings = [
    ...["--set", `trainer.algorithm=${algorithm}`],
    ...["--set", `trainer.${algorithm}.steps=${STEPS}`],
  ];
  await using whole = command("train", "--run-id", "whole");
  const began = performance.now();
  assert.equal((await whole.ended).code, 0, whole.output());
  const seconds = (performance.now() - began) / 1000;
  const moments = uniforms(randomKey(Date.now(), "moments of kills"), 0, KILLS);
  console.log(`an uninterrupted run takes ${seconds.toFixed(1)} s; moments ${[...moments]}`);
  for (const [i, moment] of [...moments].entries()) {
    await using train = i === 0 ? command("train", "--run-id", "r") : command("resume", "r");
    await train.said(i === 0 ? /run r started/ : /run r continues/);
    await new Promise((resolve) => setTimeout(resolve, 1300 * moment * seconds / KILLS));
    const services = servicesOf(train.pid);
    const trainer = services.get("trainer");
    assert.ok(trainer !== undefined, train.output());
    process.kill(trainer, "SIGKILL");
    assert.equal((await train.ended).code, 1, train.output());
    await gone(services.values());
    const { metrics } = system.recorded("r");
    console.log(`kill ${i + 1}: ${metrics.length} of ${STEPS} steps on record`);
  }
  await using last = command("resume", "r");
  assert.equal((await last.ended).code, 0, last.output());
  const { state, metrics } = system.recorded("r");
  assert.equal(state, "SUCCEEDED");
  assert.deepEqual(metrics, system.recorded("whole").metrics, `moments ${[...moments]}`);
  assert.deepEqual(system.adapter("r"), system.adapter("whole"));
}
