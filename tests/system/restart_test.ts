import assert from "node:assert/strict";
import process from "node:process";
import { createClient, type RpcClient, trainerService } from "@decorum/rpc";
import { startServices } from "../../cli/services.ts";
import { Supervisor } from "../../cli/supervisor.ts";
import { until } from "@decorum/testing/decorum";
import { STEPS, System } from "./testing/system.ts";

type TrainerClient = RpcClient<typeof trainerService>;

async function endOf(trainer: TrainerClient, runId: string): Promise<void> {
  for await (const { state } of trainer.watchMetrics({ runId })) {
    if (state !== "RUN_STATE_RUNNING" && state !== "RUN_STATE_STARTING") return;
  }
}

Deno.test("services that are killed in mid-run come back, and the run ends as if they had not", async () => {
  using system = await System.make();
  const log: string[] = [];
  const supervisor = new Supervisor({ onLine: (name, line) => log.push(`${name} ${line}`) });
  const readies = (name: string) => log.filter((line) => line.startsWith(`${name} ready `)).length;
  try {
    await startServices(supervisor, { config: system.config, set: [] });
    using trainer = createClient(trainerService, { address: system.addresses.trainer });
    await trainer.startRun({ runId: "whole" });
    await endOf(trainer, "whole");
    const whole = system.recorded("whole");
    assert.equal(whole.state, "SUCCEEDED", whole.messages);
    assert.ok("eval/kl" in whole.metrics.at(-1)!);

    // Each is killed at some moment, and kept away until the trainer waits for it.
    await trainer.startRun({ runId: "r" });
    for (const name of ["policy", "reward", "evaluator"] as const) {
      const before = supervisor.pid(name)!;
      process.kill(before, "SIGKILL");
      const after = await until(() => supervisor.pid(name) !== before && supervisor.pid(name));
      process.kill(after, "SIGSTOP");
      await until(() => system.recorded("r").messages.includes(`waiting for ${name} `));
      process.kill(after, "SIGCONT");
      await until(() =>
        system.recorded("r").messages.includes(`${name} ${system.addresses[name]} is back`)
      );
    }

    // The policy starts again while the evaluator, which is stopped meanwhile, is asked for its version.
    const { run } = await trainer.pause({ runId: "r" });
    const measured = run!.step + 2 - run!.step % 2;
    assert.ok(measured <= STEPS, `paused at ${run!.step}`);
    process.kill(supervisor.pid("evaluator")!, "SIGSTOP");
    await trainer.resume({ runId: "r" });
    // Until the trainer itself knows that they are pushed: killed before, the policy is only waited for.
    for (let pushed = 0; pushed <= measured;) {
      const { run } = await trainer.getRun({ runId: "r" });
      pushed = run!.weightsVersion;
    }
    const before = readies("policy");
    process.kill(supervisor.pid("policy")!, "SIGKILL");
    await until(() => readies("policy") > before);
    process.kill(supervisor.pid("evaluator")!, "SIGCONT");
    await endOf(trainer, "r");

    const found = system.recorded("r");
    assert.equal(found.state, "SUCCEEDED", found.messages);
    for (const name of ["policy", "reward", "evaluator"]) {
      assert.match(found.messages, new RegExp(`waiting for ${name} .*UNAVAILABLE`));
      assert.match(found.messages, new RegExp(`${name} .* is back after`));
    }
    assert.match(found.messages, /pushing the weights again, since the evaluator says/);
    assert.deepEqual(found.metrics, whole.metrics);
    assert.deepEqual(system.adapter("r"), system.adapter("whole"));
  } finally {
    await supervisor.stop();
  }
});
