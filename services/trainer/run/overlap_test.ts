import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ended, type Finished, type Fixture, fixture } from "../testing/fixture.ts";

const changes = (all: Fixture, overlap = true) => {
  const { rollout, ppo } = all.config();
  return {
    ppo: { ...ppo, steps: 4 },
    other: { rollout: { ...rollout, overlap }, checkpoint: { every_steps: 2, keep: 9 } },
  };
};

function adapter(all: Fixture, runId: string): string {
  return readFileSync(
    join(all.folder, "runs", runId, "adapter", "adapter_model.safetensors"),
    "base64",
  );
}

const succeeded = ({ run }: Finished) => assert.equal(run.state, "SUCCEEDED", run.message);

Deno.test("with overlap, a step learns from what the weights before the last update made, and the same seed gives the same bits", async () => {
  await using all = await fixture({ policies: 2 });
  const first = await all.finished("first", changes(all));
  succeeded(first);
  const column = ({ metrics }: Finished, name: string) => metrics.map((m) => m[name]);
  assert.deepEqual(column(first, "rollout/staleness"), [0, 1, 1, 1]);
  assert.deepEqual(column(first, "rollout/recomputed"), [0, 0, 0, 0]);
  // The version of each step's two groups: the first two steps are version 1's.
  const made = all.policies.flatMap(({ groups }) => groups)
    .map(({ prompts, weights }) => [Number(prompts[0]!.key.split("/")[0]), weights!.version])
    .sort((a, b) => a[0]! - b[0]!);
  assert.deepEqual(made, [[0, 1], [0, 1], [1, 1], [1, 1], [2, 2], [2, 2], [3, 3], [3, 3]]);
  // Version 1 is the reference: its KL is 0 to the bit, although one update was learned since.
  assert.equal(first.metrics[1]!["objective/kl"], 0);
  assert.notEqual(first.metrics[2]!["objective/kl"], 0);
  // The ratio is that to the generating version: beyond 1 from the first mini-batch on.
  assert.ok(first.metrics[1]!["ppo/policy/approxkl"]! > 0);
  const second = await all.finished("second", changes(all));
  assert.deepEqual(second.metrics, first.metrics);
  assert.equal(adapter(all, "second"), adapter(all, "first"));
  const plain = await all.finished("plain", changes(all, false));
  assert.deepEqual(column(plain, "rollout/staleness"), [0, 0, 0, 0]);
  assert.notEqual(adapter(all, "plain"), adapter(all, "first"));
});

Deno.test("with overlap, a run that is interrupted anywhere ends as one that was not", async () => {
  await using all = await fixture();
  const whole = await all.finished("whole", changes(all));
  succeeded(whole);
  for (const at of [1, 2, 3]) {
    const runId = `r${at}`;
    const trainer = all.trainer(changes(all));
    let asked = 0;
    // In the middle of a rollout that is ahead of its step.
    all.policies[0]!.faults.generate = () => {
      if (++asked === 2 * at + 2) trainer.interrupt();
    };
    await trainer.start({ runId, configJson: "", resume: false });
    const cut = await ended(trainer, runId);
    assert.equal(cut.run.state, "INTERRUPTED", cut.run.message);
    delete all.policies[0]!.faults.generate;
    // The policy keeps what it has of the run, newer weights than the next rollout is to be made by.
    const again = all.trainer(changes(all));
    await again.start({ runId, configJson: "", resume: true });
    const finished = await ended(again, runId);
    succeeded(finished);
    assert.deepEqual(finished.metrics, whole.metrics, runId);
    assert.equal(adapter(all, runId), adapter(all, "whole"));
  }
});

Deno.test("what a policy says of older weights is checked under those", async () => {
  await using all = await fixture();
  all.policies[0]!.faults.answer = (answer) => ({
    ...answer,
    chunks: answer.chunks!.map((chunk) => ({
      ...chunk,
      logprobs: chunk.logprobs!.map((x) => Number(x) + 0.5),
    })),
  });
  const off = await all.finished("off", changes(all));
  succeeded(off);
  assert.deepEqual(off.metrics.map((m) => m["rollout/recomputed"]), [1, 1, 1, 1]);
  // Computed again under the generating weights: PPO's ratio is as with an honest policy, up to rounding.
  delete all.policies[0]!.faults.answer;
  const honest = await all.finished("honest", changes(all));
  for (const [i, metrics] of off.metrics.entries()) {
    const [a, b] = [metrics, honest.metrics[i]!].map((m) => m["ppo/policy/approxkl"]!);
    assert.ok(Math.abs(a! - b!) < 1e-3 + 0.1 * Math.abs(b!), `${a} and ${b}`);
  }
});
