import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { statistics, timings } from "@decorum/testing/statistics";
import { type Changes, type Finished, fixture } from "../testing/fixture.ts";
import { startEvaluator } from "../testing/reward_server.ts";

Deno.test("a run raises the reward, and records every metric under TRL's name", async () => {
  await using all = await fixture();
  const ppo = { steps: 12, ppo_epochs: 4, learning_rate: 0.02 };
  const { run, metrics, all: rows, messages } = await all.finished("up", { ppo });
  assert.equal(run.state, "SUCCEEDED", run.message);
  assert.deepEqual([run.step, run.weightsVersion, run.checkpointStep], [12, 13, 12]);
  const rewards = metrics.map((m) => m["env/reward_mean"]!);
  const mean = (part: number[]) => part.reduce((a, b) => a + b, 0) / part.length;
  assert.ok(mean(rewards.slice(-4)) > mean(rewards.slice(0, 4)) + 0.5, `${rewards}`);
  assert.deepEqual(messages, []);
  for (const row of rows) {
    for (const name of [...statistics.ppo, ...timings]) {
      assert.ok(Number.isFinite(row[name]), name);
    }
  }
  assert.ok(Math.abs(metrics[0]!["objective/kl"]!) < 1e-4);
  // Groups as sent: 12 steps of 8 prompts in groups of 4, each under the newest version.
  const { groups } = all.policies[0]!;
  assert.equal(groups.length, 24);
  assert.ok(groups.every(({ asSent, prompts }) => asSent && prompts.length === 4));
  assert.deepEqual(
    groups.map(({ weights }) => weights?.version),
    groups.map((_, i) => 1 + (i >> 1)),
  );
  assert.deepEqual(all.policies[0]!.held("up"), { newest: 13, start: false });
});

Deno.test("two policies give what one gives, bit for bit", async () => {
  const run = async (policies: number) => {
    await using all = await fixture({ policies });
    const { run, metrics } = await all.finished("r");
    assert.equal(run.state, "SUCCEEDED", run.message);
    return {
      metrics,
      adapter: adapterBytes(all.folder, "r"),
      busy: all.policies.filter(({ groups }) => groups.length > 0).length,
    };
  };
  const [one, two] = [await run(1), await run(2)];
  assert.deepEqual([one.busy, two.busy], [1, 2]);
  assert.deepEqual(two.metrics, one.metrics);
  assert.ok(two.adapter.equals(one.adapter));
});

Deno.test("every setting of PPO changes what it says", async (t) => {
  await using all = await fixture();
  let runs = 0;
  const finish = async (changes: Changes): Promise<Finished> => {
    const finished = await all.finished(`r${runs++}`, changes);
    assert.equal(finished.run.state, "SUCCEEDED", finished.run.message);
    return finished;
  };
  const values = ({ metrics }: Finished, name: string) => metrics.map((m) => m[name]!);
  const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-6, `${a} and ${b}`);
  const plain = await finish({});

  await t.step("every kind of KL begins at 0 and grows", async () => {
    for (const kl_penalty of ["kl", "abs", "mse", "k3", "full"] as const) {
      const kl = values(await finish({ ppo: { kl_penalty } }), "objective/kl");
      assert.ok(Math.abs(kl[0]!) < 1e-4 && Number.isFinite(kl[2]), `${kl_penalty}: ${kl}`);
      if (kl_penalty !== "kl") assert.ok(kl[2]! > 1e-4, `${kl_penalty}: ${kl}`);
    }
  });

  await t.step("a fixed KL coefficient stays, an adaptive one follows the KL", async () => {
    const fixed = await finish({ ppo: { adap_kl_ctrl: false } });
    assert.deepEqual(values(fixed, "objective/kl_coef"), [0.05, 0.05, 0.05]);
    const moving = await finish({ ppo: { horizon: 100, target: 6 } });
    const [first, second] = values(moving, "objective/kl_coef");
    near(first!, 0.05);
    near(second!, 0.05 * (1 - 0.2 * 8 / 100));
  });

  await t.step("the learning rate is constant, or falls to 0 by steps", async () => {
    assert.deepEqual(values(plain, "ppo/learning_rate"), [0.01, 0.01, 0.01]);
    const linear = await finish({ ppo: { lr_scheduler_type: "linear" } });
    values(linear, "ppo/learning_rate").forEach((lr, i) => near(lr, 0.01 * (3 - i) / 3));
  });

  await t.step("the epochs of a step end early", async () => {
    const early = await finish({ ppo: { target_kl: 1e-9, ppo_epochs: 4 } });
    assert.deepEqual(values(early, "ppo/epochs"), [1, 1, 1]);
    assert.deepEqual(values(plain, "ppo/epochs"), [2, 2, 2]);
    const { body } = await early.processMetrics.render();
    assert.match(body, /skipped_updates_total\{reason="early_stop"\} 9/);
  });

  await t.step("in the warm-up only the value head learns", async () => {
    const warm = await finish({ ppo: { value_warmup_steps: 2 } });
    assert.ok(values(warm, "objective/kl").every((kl) => Math.abs(kl) < 1e-4));
    assert.ok(warm.metrics[1]!["ppo/val/mean"] !== 0);
  });

  await t.step("scores are scaled, clipped, and lowered where there is no end", async () => {
    all.reward.change = (score) => 10 * score + 7;
    const clipped = await finish({ ppo: { score_clip: 5 } });
    assert.deepEqual(values(clipped, "ppo/mean_scores"), [5, 5, 5]);
    assert.ok(values(clipped, "env/reward_mean").every((r) => r >= 7));
    const scaled = await finish({ ppo: { use_score_scaling: true, use_score_norm: true } });
    near(values(scaled, "ppo/mean_scores")[0]!, 0);
    const penalised = await finish({ ppo: { score_clip: 5, missing_eos_penalty: 100 } });
    const [share] = values(penalised, "rollout/eos_share");
    near(values(penalised, "ppo/mean_scores")[0]!, 5 - 100 * (1 - share!));
    all.reward.change = undefined;
  });

  await t.step("rewards are whitened", async () => {
    const whitened = await finish({ ppo: { whiten_rewards: true } });
    assert.notEqual(whitened.metrics[0]!["ppo/returns/var"], plain.metrics[0]!["ppo/returns/var"]);
  });

  await t.step("lengths are drawn from their range, and at least min_new_tokens come", async () => {
    all.policies[0]!.groups.length = 0;
    await finish({ ppo: { length_sampler: { min: 2, max: 6 } } });
    const asked = all.policies[0]!.groups.flatMap(({ prompts }) =>
      prompts.map((p) => p.maxNewTokens!)
    );
    assert.deepEqual([Math.min(...asked), Math.max(...asked)], [2, 5]);
    const long = await finish({ ppo: { min_new_tokens: 8 } });
    assert.deepEqual(values(long, "tokens/responses_len_mean"), [8, 8, 8]);
  });

  await t.step("pairs are scored with their query, responses without", async () => {
    const items = () => all.reward.requests.splice(0).flatMap((r) => r.items);
    items();
    await finish({ other: { reward_input: "pair", reward_label: "many" } });
    assert.ok(items().every(({ query }) => typeof query === "string"));
    await finish({});
    assert.ok(items().every(({ query }) => query === undefined));
  });

  await t.step(
    "a constant score takes the reward model's place, and its toxicity stays",
    async () => {
      const control = await finish({ other: { constant_score: 2.5 } });
      assert.deepEqual(values(control, "env/reward_mean"), [2.5, 2.5, 2.5]);
      assert.deepEqual(values(control, "env/toxicity"), [0.25, 0.25, 0.25]);
    },
  );

  await t.step("0 steps: the weights of the beginning are pushed and kept", async () => {
    const none = await finish({ ppo: { steps: 0 } });
    assert.deepEqual([none.run.step, none.run.weightsVersion, none.metrics.length], [0, 1, 0]);
  });
});

Deno.test("a run that starts from an adapter has it as its reference", async () => {
  await using all = await fixture();
  const first = await all.finished("first");
  assert.equal(first.run.state, "SUCCEEDED");
  const start_adapter = join(all.folder, "runs", "first", "adapter");
  const from = () => ({ ...all.config().model, start_adapter });
  const { run, metrics } = await all.finished("second", { other: { model: from() } });
  assert.equal(run.state, "SUCCEEDED", run.message);
  assert.ok(Math.abs(metrics[0]!["objective/kl"]!) < 1e-4);
  assert.notEqual(metrics[0]!["ppo/val/mean"], 0, "the value head came with it");
  assert.deepEqual(all.policies[0]!.held("second"), { newest: 4, start: true });
  // A policy that starts again gets both again, the reference too.
  const [policy] = all.policies;
  policy!.faults.begin = ({ expectedVersion }) => {
    if (expectedVersion === 2) policy!.forget();
  };
  const again = await all.finished("again", { other: { model: from() } });
  assert.deepEqual(again.metrics, metrics);
  assert.deepEqual(policy!.held("again"), { newest: 4, start: true });
  delete policy!.faults.begin;
  await assert.rejects(
    all.finished("third", {
      other: { model: { ...from(), lora: { ...from().lora, lora_alpha: 4 } } },
    }),
    /has r 4, lora_alpha 8.*model.lora says r 4, lora_alpha 4/,
  );
});

Deno.test("held-out prompts are evaluated every so many steps, and at the end", async () => {
  await using all = await fixture();
  await using evaluator = await startEvaluator();
  const changes: Changes = {
    data: { split: { train: 0.7, test: 0.3 }, reference_column: "summary" },
    other: { evaluate: { every_steps: 2, prompts: 3 }, evaluator: evaluator.address },
  };
  const { run, metrics } = await all.finished("r", changes);
  assert.equal(run.state, "SUCCEEDED", run.message);
  assert.deepEqual(metrics.map((m) => m["eval/toxicity_after"]), [undefined, 1 / 3, 1 / 4]);
  const [first] = evaluator.requests;
  assert.equal(first?.prompts.length, 3);
  assert.ok(first?.prompts.every(({ reference }) => reference!.length > 0));
  assert.deepEqual(first?.after, { kind: "WEIGHTS_KIND_VERSION", runId: "r", version: 3 });
  assert.equal(first?.before?.kind, "WEIGHTS_KIND_START");
});

function adapterBytes(folder: string, runId: string): Buffer {
  return readFileSync(join(folder, "runs", runId, "adapter", "adapter_model.safetensors"));
}
