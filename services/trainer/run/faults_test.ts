import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freeAddress } from "@decorum/testing/ports";
import { notFound, StatusError, unavailable } from "@decorum/rpc";
import { int64, readSafetensors, writeSafetensors } from "@decorum/tensor";
import { ended, fixture } from "../testing/fixture.ts";
import { startEvaluator } from "../testing/reward_server.ts";

Deno.test("services that fail for a while are waited for, and the result is the same", async () => {
  await using all = await fixture();
  const plain = await all.finished("plain");
  const [policy] = all.policies;
  let calls = 0;
  policy!.faults.generate = () => {
    calls++;
    if (calls === 2) throw new StatusError("UNAVAILABLE", "going away", { pushbackMs: -1 });
    if (calls === 4) throw new StatusError("DEADLINE_EXCEEDED", "too slow");
    if (calls === 6) {
      policy!.forget();
      throw notFound("what was pushed is gone");
    }
  };
  let scored = 0;
  all.reward.score = () => {
    if (++scored === 3) throw unavailable("loading", -1);
  };
  const faulty = await all.finished("faulty");
  assert.equal(faulty.run.state, "SUCCEEDED", faulty.run.message);
  assert.deepEqual(faulty.metrics, plain.metrics);
  const said = faulty.messages.join("\n");
  assert.match(said, /waiting for policy .*going away/);
  assert.match(said, /policy .* is back after/);
  assert.match(said, /has lost its weights: pushing them again/);
  assert.match(said, /waiting for reward .*loading/);
});

Deno.test("a policy that loses its weights while it is measured gets them again", async () => {
  await using all = await fixture();
  await using evaluator = await startEvaluator();
  const [policy] = all.policies;
  let calls = 0;
  evaluator.fault = ({ after }) => {
    if (++calls === 2) policy!.forget();
    if (policy!.held("r").newest !== after?.version) throw notFound("that version is not held");
  };
  const { run, metrics, messages } = await all.finished("r", {
    data: { split: { train: 0.7, test: 0.3 } },
    other: { evaluate: { every_steps: 1, prompts: 2 }, evaluator: evaluator.address },
  });
  assert.equal(run.state, "SUCCEEDED", run.message);
  assert.deepEqual(metrics.map((m) => m["eval/kl"]), [1 / 2, 1 / 3, 1 / 4]);
  assert.match(messages.join("\n"), /pushing the weights again.*that version is not held/);
});

Deno.test("one policy of two fails: the other does its groups", async () => {
  await using all = await fixture({ policies: 2 });
  const plain = await all.finished("plain");
  let failures = 0;
  all.policies[0]!.faults.generate = () => {
    failures++;
    throw new StatusError("UNAVAILABLE", "out of order", { pushbackMs: -1 });
  };
  const faulty = await all.finished("faulty");
  assert.equal(faulty.run.state, "SUCCEEDED", faulty.run.message);
  assert.ok(failures > 0);
  assert.deepEqual(faulty.metrics, plain.metrics);
});

Deno.test("a service that is not there is named, and Stop ends the wait", async () => {
  await using all = await fixture();
  const address = await freeAddress();
  const trainer = all.trainer({ other: { reward: address } });
  await trainer.start({ runId: "r", configJson: "", resume: false });
  const never = new AbortController().signal;
  while (!trainer.run("r").message.includes("waiting")) await trainer.store.changed(50, never);
  const waiting = trainer.run("r");
  assert.equal(waiting.state, "STARTING");
  assert.match(waiting.message, new RegExp(`waiting for reward ${address}.*UNAVAILABLE`));
  const stopped = await trainer.stop("r", false);
  assert.equal(stopped.state, "STOPPED");
});

Deno.test("policies whose name cannot be resolved are waited for", async () => {
  await using all = await fixture();
  const trainer = all.trainer({ other: { policy: ["nobody.invalid:50051"] } });
  await trainer.start({ runId: "r", configJson: "", resume: false });
  const never = new AbortController().signal;
  while (!trainer.run("r").message.includes("waiting")) await trainer.store.changed(50, never);
  assert.match(
    trainer.run("r").message,
    /waiting for policy nobody.invalid.*resolve nobody.invalid/,
  );
  assert.equal((await trainer.stop("r", false)).state, "STOPPED");
});

Deno.test("a failure that cannot pass ends the run with its reason", async (t) => {
  await using all = await fixture();
  const [policy] = all.policies;
  let runs = 0;
  const fails = async (message: RegExp) => {
    const { run } = await all.finished(`r${runs++}`);
    assert.equal(run.state, "FAILED");
    assert.match(run.message, message);
    return run;
  };
  await t.step("weights of another version", async () => {
    policy!.faults.answer = (answer) => ({ ...answer, weights: { ...answer.weights, version: 7 } });
    await fails(/completed with WEIGHTS_KIND_VERSION 7 .*expected version 1/);
  });
  await t.step("weights of the right version with other bytes", async () => {
    policy!.faults.answer = (answer) => ({
      ...answer,
      weights: { ...answer.weights, sha256: new Uint8Array(32) },
    });
    await fails(/sha256 000000000000.*expected version 1/);
  });
  await t.step("a sequence without log-probabilities", async () => {
    policy!.faults.answer = (answer) => ({
      ...answer,
      chunks: answer.chunks!.map((chunk) => ({ ...chunk, logprobs: [] })),
    });
    await fails(/expected every sequence whole, in order/);
  });
  await t.step("a sequence that is missing", async () => {
    policy!.faults.answer = (answer) => ({ ...answer, chunks: answer.chunks!.slice(1) });
    await fails(/0 tokens and no end/);
  });
  delete policy!.faults.answer;
  await t.step("a score that is no number", async () => {
    all.reward.change = () => NaN;
    await fails(/Reward "reward", response 0 of the batch: got NaN, expected a finite score/);
    all.reward.change = undefined;
  });
  await t.step("another base model", async () => {
    policy!.faults.info = { baseModelHash: "00", modelName: "other" };
    await fails(/Policy .* serves other .*give both the same base model/);
    delete policy!.faults.info;
  });
  await t.step("a policy that starts from an adapter, when the run does not", async () => {
    policy!.faults.start = new Uint8Array(32);
    await fails(/has an adapter as its START, and this run starts from the base/);
    delete policy!.faults.start;
  });
  await t.step("a prompt beyond the policy's limit", async () => {
    policy!.faults.info = { limits: { maxPromptTokens: 8, maxPrompts: 64, maxNewTokens: 64 } };
    await fails(/prompts are over 8 tokens \(limits.max_prompt_tokens of policy/);
  });
  await t.step("more new tokens, or larger groups, than the policy makes", async () => {
    policy!.faults.info = { limits: { maxPromptTokens: 64, maxPrompts: 64, maxNewTokens: 4 } };
    await fails(/ppo.max_new_tokens is 8, policy .* takes at most 4/);
    policy!.faults.info = { limits: { maxPromptTokens: 64, maxPrompts: 2, maxNewTokens: 64 } };
    await fails(/rollout.group_size is 4, policy .* takes at most 2/);
    delete policy!.faults.info;
  });
  await t.step("a label that the reward lacks", async () => {
    const { run } = await all.finished("label", { other: { reward_label: "none" } });
    assert.match(run.message, /Reward "reward": .* has no label "none"; it has "other", "many"/);
  });
  await t.step("a version that somebody else pushed", async () => {
    policy!.faults.generate = ({ weights }) => {
      policy!.overtake(weights!.runId);
    };
    await fails(/holds version 9, which this trainer did not push/);
    delete policy!.faults.generate;
  });
});

Deno.test("log-probabilities that do not agree are computed again by the trainer, and it says so", async () => {
  await using all = await fixture();
  const plain = await all.finished("plain");
  all.policies[0]!.faults.answer = (answer) => ({
    ...answer,
    chunks: answer.chunks!.map((chunk) => ({
      ...chunk,
      logprobs: chunk.logprobs!.map((x) => Number(x) + 0.5),
    })),
  });
  const off = await all.finished("off");
  assert.equal(off.run.state, "SUCCEEDED", off.run.message);
  assert.deepEqual(off.metrics.map((m) => m["rollout/recomputed"]), [1, 1, 1]);
  assert.match(
    off.messages.join("\n"),
    /computed again by the trainer: .*rollout and trainer differ/,
  );
  for (const [i, metrics] of off.metrics.entries()) {
    const [a, b] = [metrics["ppo/loss/policy"]!, plain.metrics[i]!["ppo/loss/policy"]!];
    assert.ok(Math.abs(a - b) < 0.05 * (i + 1), `${a} and ${b}`);
  }
});

Deno.test("updates that are not finite are skipped, counted and said", async () => {
  await using all = await fixture();
  const { run, metrics, messages } = await all.finished("r", {
    ppo: { learning_rate: 1e12, steps: 1, max_grad_norm: null },
  });
  assert.equal(run.state, "SUCCEEDED", run.message);
  assert.ok(metrics[0]!["ppo/skipped_updates"]! > 0);
  assert.match(messages.join("\n"), /of 4 updates skipped/);
});

Deno.test("the first step refuses a policy that is not its reference", async () => {
  await using all = await fixture();
  // A checkpoint of step 0 whose adapter was changed: as if the reference were another.
  const first = await all.finished("r", { ppo: { steps: 1 } });
  assert.equal(first.run.state, "SUCCEEDED");
  const folder = join(all.folder, "runs", "r", "checkpoints");
  cpSync(join(folder, "step-000001"), join(folder, "step-000000"), { recursive: true });
  rmSync(join(folder, "step-000001"), { recursive: true });
  const state = join(folder, "step-000000", "state.json");
  const json = JSON.parse(readFileSync(state, "utf8"));
  writeFileSync(state, JSON.stringify({ ...json, step: 0 }));
  const optimizer = join(folder, "step-000000", "optimizer.safetensors");
  const tensors = readSafetensors(optimizer).set("updates", int64([], [0]));
  writeSafetensors(optimizer, tensors);
  const trainer = all.trainer({ ppo: { steps: 1 } });
  trainer.store.setState("r", "STOPPED", "");
  await trainer.start({ runId: "r", configJson: "", resume: true });
  const { run } = await ended(trainer, "r");
  assert.equal(run.state, "FAILED");
  assert.match(run.message, /KL to the reference is not 0 before the first update/);
});
