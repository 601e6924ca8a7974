import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { RpcError, StatusError, type trainerV1 } from "@decorum/rpc";
import { ended, finishedRun, fixture, overRpc } from "../testing/fixture.ts";
import { checkpointSteps } from "@decorum/learning";

const refused = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RpcError, `${error}`);
  assert.equal(error.code, code, error.message);
  assert.match(error.details, message);
  return true;
};

Deno.test("watch, pause, checkpoint, resume and stop over gRPC", async () => {
  await using all = await fixture();
  const trainer = all.trainer({
    ppo: { steps: 1000 },
    other: { checkpoint: { every_steps: 0, keep: 2 } },
  });
  await using rpc = await overRpc(trainer);
  const { client } = rpc;
  const { run } = await client.startRun({ configJson: '{"seed": 9}' });
  const runId = run!.runId;
  assert.match(runId, /^\d{8}-\d{6}-[0-9a-f]{4}$/);
  assert.equal(run!.state, "RUN_STATE_STARTING");
  assert.equal(JSON.parse((await client.getRun({})).configJson).seed, 9);
  await assert.rejects(
    client.startRun({}),
    refused("FAILED_PRECONDITION", /is active, and a trainer has one at a time/),
  );
  await assert.rejects(client.resume({}), refused("FAILED_PRECONDITION", /not PAUSED/));

  const seen: trainerV1.WatchMetricsResponse__Output[] = [];
  const watching = (async () => {
    for await (const update of client.watchMetrics({ runId, fromStep: 1 })) seen.push(update);
  })();
  while (seen.filter(({ step }) => step > 0).length < 2) {
    await new Promise((r) => setTimeout(r, 20));
  }

  const paused = await client.pause({});
  assert.equal(paused.run!.state, "RUN_STATE_PAUSED");
  const { step } = paused.run!;
  const checkpoint = await client.checkpoint({});
  assert.equal(checkpoint.step, step);
  assert.ok(checkpoint.bytes > 1000 && existsSync(join(checkpoint.path, "state.json")));
  await new Promise((r) => setTimeout(r, 300));
  assert.equal((await client.getRun({ runId })).run!.step, step, "a paused run takes no step");
  assert.equal((await client.resume({})).run!.state, "RUN_STATE_RUNNING");
  while (trainer.run(runId).step === step) await new Promise((r) => setTimeout(r, 20));

  const stopped = await client.stop({});
  assert.equal(stopped.run!.state, "RUN_STATE_STOPPED");
  assert.equal(stopped.run!.checkpointStep, stopped.run!.step);
  await watching;
  const steps = seen.flatMap(({ step }) => step > 0 ? [step] : []);
  assert.deepEqual(steps, Array.from({ length: stopped.run!.step }, (_, i) => i + 1));
  const states = seen.flatMap(({ step, state }) => step === 0 ? [state.slice(10)] : []);
  assert.deepEqual(states.filter((s) => s !== "STARTING"), [
    "RUNNING",
    "PAUSED",
    "RUNNING",
    "STOPPED",
  ]);
  assert.ok(seen.every(({ totalSteps }) => totalSteps === 1000));

  // History of a run that has ended; from_step 0 has none of it.
  const replay = await Array.fromAsync(client.watchMetrics({ runId, fromStep: 2 }));
  assert.deepEqual(replay.flatMap(({ step }) => step > 0 ? [step] : []), steps.slice(1));
  const none = await Array.fromAsync(client.watchMetrics({ runId }));
  assert.deepEqual(none.map(({ step, state }) => [step, state]), [[0, "RUN_STATE_STOPPED"]]);
  await assert.rejects(client.pause({ runId }), refused("FAILED_PRECONDITION", /it is STOPPED/));
  await assert.rejects(client.pause({}), refused("FAILED_PRECONDITION", /No run is active/));
});

Deno.test("a run that was stopped continues as if it had not been, whatever was pending", async () => {
  await using all = await fixture();
  const whole = await all.finished("whole", { ppo: { steps: 5 } });
  const trainer = all.trainer({
    ppo: { steps: 5 },
    other: { checkpoint: { every_steps: 0, keep: 1 } },
  });
  await trainer.start({ runId: "r", configJson: "", resume: false });
  const never = new AbortController().signal;
  while (trainer.run("r").step < 2) await trainer.store.changed(50, never);
  const stopped = await trainer.stop("r", false);
  assert.ok(stopped.step >= 2 && stopped.step < 5);
  await trainer.start({ runId: "r", configJson: "", resume: true });
  const { run, metrics } = await ended(trainer, "r");
  assert.equal(run.state, "SUCCEEDED", run.message);
  assert.deepEqual(metrics, whole.metrics);
  await assert.rejects(
    trainer.start({ runId: "r", configJson: "", resume: true }),
    /it took all its 5 steps/,
  );
});

Deno.test("a run that is stopped while it waits loses no step, at the last push neither", async () => {
  await using all = await fixture();
  const whole = await all.finished("whole");
  const never = new AbortController().signal;
  const [policy] = all.policies;
  const trainer = all.trainer();
  const stopAt = async (fault: "generate" | "begin", version: number, resume: boolean) => {
    policy!.faults[fault] = (
      request: { weights?: { version: number } | null; expectedVersion?: number },
    ) => {
      const wanted = request.weights?.version ?? request.expectedVersion! + 1;
      if (wanted === version) throw new StatusError("UNAVAILABLE", "away", { pushbackMs: -1 });
    };
    await trainer.start({ runId: "r", configJson: "", resume });
    while (!trainer.run("r").message.includes("waiting")) await trainer.store.changed(20, never);
    const stopped = await trainer.stop("r", false);
    delete policy!.faults[fault];
    assert.equal(stopped.state, "STOPPED");
    return stopped;
  };
  assert.equal((await stopAt("generate", 2, false)).step, 1);
  assert.equal((await stopAt("begin", 3, true)).step, 2);
  assert.equal((await stopAt("begin", 4, true)).step, 3);
  await trainer.start({ runId: "r", configJson: "", resume: true });
  const { run, metrics } = await ended(trainer, "r");
  assert.equal(run.state, "SUCCEEDED", run.message);
  assert.deepEqual(metrics, whole.metrics);
  assert.equal(policy!.held("r").newest, 4);
});

Deno.test("stop without a checkpoint leaves the last one", async () => {
  await using all = await fixture();
  const trainer = all.trainer({
    ppo: { steps: 500 },
    other: { checkpoint: { every_steps: 2, keep: 1 } },
  });
  await trainer.start({ runId: "r", configJson: "", resume: false });
  const never = new AbortController().signal;
  while (trainer.run("r").step < 3) await trainer.store.changed(50, never);
  const { step, checkpointStep } = await trainer.stop("r", true);
  assert.equal(checkpointStep, step - step % 2);
  assert.deepEqual(checkpointSteps(join(all.folder, "runs", "r", "checkpoints")), [checkpointStep]);
});

Deno.test("runs are listed, newest first, page by page", async () => {
  await using all = await fixture();
  for (const id of ["a", "b", "c"]) await all.finished(id, { ppo: { steps: 1 } });
  await using rpc = await overRpc(all.trainer());
  const { runs } = await rpc.client.listRuns({});
  assert.deepEqual(runs.map(({ runId }) => runId), ["c", "b", "a"]);
  assert.ok(
    runs.every(({ state, metrics }) =>
      state === "RUN_STATE_SUCCEEDED" && "objective/kl" in metrics
    ),
  );
  const page = await rpc.client.listRuns({ limit: 1, startedBeforeUnixMs: runs[0]!.startedUnixMs });
  assert.deepEqual(page.runs.map(({ runId }) => runId), ["b"]);
  const samples = all.trainer().store.samples("a", 1);
  assert.equal(samples.length, 4);
});

Deno.test("a run belongs to one trainer; the others say so", async () => {
  await using all = await fixture();
  const trainer = all.trainer({ ppo: { steps: 500 } });
  await trainer.start({ runId: "r", configJson: "", resume: false });
  const other = all.trainer();
  await using rpc = await overRpc(other);
  const { client } = rpc;
  await assert.rejects(
    client.startRun({ runId: "r", resume: true }),
    refused("FAILED_PRECONDITION", /another trainer holds it/),
  );
  await assert.rejects(client.startRun({ runId: "r" }), refused("ALREADY_EXISTS", /resume it/));
  await assert.rejects(
    client.stop({ runId: "r" }),
    refused("FAILED_PRECONDITION", /not active in this/),
  );
  assert.match((await client.getRun({ runId: "r" })).run!.state, /STARTING|RUNNING/);
  await trainer.close();
  assert.equal((await client.getRun({ runId: "r" })).run!.state, "RUN_STATE_INTERRUPTED");
});

Deno.test("bad requests and configurations are refused, with every fault at once", async () => {
  await using all = await fixture();
  const trainer = all.trainer();
  await using rpc = await overRpc(trainer);
  const { client } = rpc;
  const bad = (config: object, ...messages: RegExp[]) =>
    assert.rejects(
      client.startRun({ runId: "x", configJson: JSON.stringify(config) }),
      (error) => messages.every((message) => refused("INVALID_ARGUMENT", message)(error)),
    );
  await bad(
    { ppo: { gamma: 2, mini_batch_size: 99, typo: 1 }, lora: { r: 0 }, seed: -1 },
    /ppo.gamma is 2/,
    /typo/,
    /lora.r is 0/,
    /seed is -1/,
  );
  await bad(
    { ppo: { mini_batch_size: 99 } },
    /mini_batch_size is 99: expected at most batch_size, 8/,
  );
  await bad({ listen: "127.0.0.1:1" }, /listen/);
  await bad({ data: { train: "nowhere.jsonl" } }, /no file .*nowhere.jsonl/);
  await bad(
    { data: { prompt: "{words}" } },
    /"words".*is not a column; the columns are "text", "summary"/,
  );
  await bad({ data: { reference_column: "gold" } }, /no column "gold" \(data.reference_column\)/);
  await bad({ data: { min_chars: 1000 } }, /0 prompts are left of 40 rows \(40 by data.min_chars/);
  await bad(
    { data: { max_prompt_tokens: 5 } },
    /prompts are over 5 tokens \(data.max_prompt_tokens\)/,
  );
  await bad({ data: { max_prompt_tokens: 3, over_length: "drop" } }, /over data.max_prompt_tokens/);
  await bad({ data: { split: { a: 1 } } }, /no part|part "train"/);
  await bad({ model: "nowhere" }, /Cannot load model nowhere/);
  await bad({ lora: { target_modules: ["zzz"] } }, /zzz/);
  await bad({ evaluate: { every_steps: 1 } }, /data.eval/);
  await assert.rejects(
    client.startRun({ configJson: "{" }),
    refused("INVALID_ARGUMENT", /config_json: expected JSON/),
  );
  await assert.rejects(
    client.startRun({ runId: "../x" }),
    refused("INVALID_ARGUMENT", /run_id/),
  );
  await assert.rejects(client.startRun({ resume: true }), refused("INVALID_ARGUMENT", /no run_id/));
  await assert.rejects(
    client.startRun({ runId: "none", resume: true }),
    refused("NOT_FOUND", /Cannot find run "none"/),
  );
  await assert.rejects(client.getRun({ runId: "none" }), refused("NOT_FOUND", /none/));
  assert.equal((await client.listRuns({})).runs.length, 0, "nothing was begun");
  const done = await all.finished("x");
  assert.equal(done.run.state, "SUCCEEDED");
  trainer.store.setState("x", "STOPPED", "");
  await assert.rejects(
    client.startRun({ runId: "x", resume: true, configJson: '{"seed": 6, "ppo": {"gamma": 0.5}}' }),
    refused("FAILED_PRECONDITION", /ppo.gamma, seed differ/),
  );
  assert.equal(finishedRun(trainer, "x").metrics.length, 3);
});
