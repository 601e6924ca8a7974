import assert from "node:assert/strict";
import process from "node:process";
import { gone, servicesOf, startDecorum } from "@decorum/testing/decorum";
import { freeAddress } from "@decorum/testing/ports";
import { STEPS, System } from "./testing/system.ts";

Deno.test("`decorum resume` continues runs of `decorum train`, bit for bit, whoever was killed", async (t) => {
  using system = await System.make();
  const command = (...args: string[]) =>
    startDecorum([...args, "--config", system.config, "--verbose"], { cwd: system.folder });
  const steps = (n: number) =>
    new RegExp(`"message":"step".*"step":${n}\\b|"step":${n},.*"message":"step"`);
  const checkEqual = (runId: string) => {
    const { state, metrics, messages } = system.recorded(runId);
    assert.equal(state, "SUCCEEDED", messages);
    assert.deepEqual(metrics, system.recorded("whole").metrics);
    assert.deepEqual(system.adapter(runId), system.adapter("whole"));
  };
  const resume = async (runId: string) => {
    await using again = command("resume", runId);
    const { code, stdout, stderr } = await again.ended;
    assert.equal(code, 0, stderr);
    const { state, step } = JSON.parse(stdout) as { state: string; step: number };
    assert.deepEqual([state, step], ["RUN_STATE_SUCCEEDED", STEPS]);
    assert.match(stderr, new RegExp(`run ${runId} continues`));
    checkEqual(runId);
  };

  await t.step("a run that nobody disturbs", async () => {
    await using whole = command("train", "--run-id", "whole");
    const { code, stderr } = await whole.ended;
    assert.equal(code, 0, stderr);
    assert.equal(system.recorded("whole").state, "SUCCEEDED");
  });

  await t.step("its result is measured afterwards, by services of the command's own", async () => {
    const evaluate = (run: string) =>
      startDecorum([
        ...["evaluate", "--config", system.config, "--run", run, "--prompt", "{dialogue}"],
        ...["--data", system.path("prompts.jsonl"), "--reference", "civil", "--limit", "4"],
        ...["--max-new-tokens", "8", "--samples", "2", "--log", system.path("evaluate.log")],
      ]);
    await using running = evaluate("whole");
    const { code, stdout, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
    const result = JSON.parse(stdout);
    assert.deepEqual([result.toxicity.n, result.samples.length], [4, 2]);
    assert.ok(result.adapter_version > 0 && result.length.after.mean > 0, stdout);
    await using unknown = evaluate("other");
    const refused = await unknown.ended;
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /Cannot evaluate run other: .* has whole/);
  });

  await t.step("the trainer is killed; a second trainer is refused before that", async () => {
    await using train = command("train", "--run-id", "a");
    await train.said(steps(2));
    const services = servicesOf(train.pid);
    // Held still, so that the run is surely held when the second trainer asks for it.
    process.kill(services.get("trainer")!, "SIGSTOP");
    const listen = await freeAddress();
    await using second = startDecorum(
      [
        "serve",
        "trainer",
        "--config",
        system.config,
        "--set",
        `trainer.listen=${listen}`,
        "trainer.metrics_listen=null",
      ],
    );
    await second.said(/^ready trainer/m);
    await using refused = startDecorum(["resume", "a", "--address", listen]);
    const { code, stderr } = await refused.ended;
    assert.equal(code, 1);
    assert.match(stderr, /Cannot take run "a": another trainer holds it .*stop that trainer first/);
    second.kill("SIGTERM");
    assert.equal((await second.ended).code, 0);
    process.kill(services.get("trainer")!, "SIGKILL");
    const ended = await train.ended;
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /Cannot follow run a: .*"decorum resume a" continues it/);
    await gone(services.values());
    await resume("a");
  });

  await t.step("the command itself is killed: its services end by themselves", async () => {
    await using train = command("train", "--run-id", "b");
    await train.said(steps(3));
    const services = servicesOf(train.pid);
    assert.equal(services.size, 4);
    train.kill("SIGKILL");
    await gone(services.values());
    await resume("b");
  });

  await t.step("Ctrl-C: the run keeps what it has", async () => {
    await using train = command("train", "--run-id", "c");
    await train.said(steps(1));
    const services = servicesOf(train.pid);
    train.killGroup("SIGINT");
    const { code, stderr } = await train.ended;
    assert.equal(code, 130);
    assert.match(stderr, /run c is kept; "decorum resume c" continues it/);
    assert.doesNotMatch(stderr, /second signal/);
    await gone(services.values());
    const { state, metrics } = system.recorded("c");
    assert.equal(state, "INTERRUPTED");
    assert.ok(metrics.length >= 1 && metrics.length < STEPS, `${metrics.length} steps`);
    const expected = system.recorded("whole").metrics.slice(0, metrics.length);
    // The signal may come while the last step is evaluated; going on makes up for that.
    const measured = Object.keys(metrics.at(-1)!).some((name) => name.startsWith("eval/"));
    const last = Object.entries(expected.at(-1)!)
      .filter(([name]) => measured || !name.startsWith("eval/"));
    assert.deepEqual(metrics, [...expected.slice(0, -1), Object.fromEntries(last)]);
  });
});
