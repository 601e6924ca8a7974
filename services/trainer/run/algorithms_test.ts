import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { statistics } from "@decorum/testing/statistics";
import { checkpointName } from "@decorum/learning";
import { type Changes, ended, fixture } from "../testing/fixture.ts";

const few = {
  steps: 16,
  batch_size: 8,
  mini_batch_size: 4,
  num_iterations: 2,
  max_new_tokens: 8,
  learning_rate: 0.02,
  beta: 0.05,
  adap_kl_ctrl: true,
  horizon: 100,
};
const sections = {
  grpo: { ...few, num_generations: 4 },
  rloo: { ...few, rloo_k: 4, normalize_advantages: true },
};
type Algorithm = keyof typeof sections;

/** A run's changes, on top of {@link few}. */
function of(algorithm: Algorithm, steps = few.steps, other: Changes["other"] = {}): Changes {
  return { [algorithm]: { ...sections[algorithm], steps }, other: { algorithm, ...other } };
}

for (const algorithm of ["grpo", "rloo"] as const) {
  Deno.test(`${algorithm}: whole runs`, async (t) => {
    await using all = await fixture();
    const whole = await all.finished("whole", of(algorithm));
    assert.equal(whole.run.state, "SUCCEEDED", whole.run.message);

    await t.step("the reward rises, with every metric, without a value head", () => {
      const { metrics, messages } = whole;
      assert.deepEqual(messages, []);
      const rewards = metrics.map((m) => m["env/reward_mean"]!);
      const mean = (part: number[]) => part.reduce((a, b) => a + b, 0) / part.length;
      assert.ok(mean(rewards.slice(-4)) > mean(rewards.slice(0, 4)) + 0.3, `${rewards}`);
      for (const row of metrics) {
        for (const name of statistics[algorithm]) {
          assert.ok(Number.isFinite(row[name]), name);
        }
        assert.equal(row["ppo/loss/value"], undefined);
      }
      assert.equal(metrics[0]!["objective/kl"], 0);
      assert.notEqual(metrics.at(-1)!["objective/kl"], 0);
      const [, second] = metrics.map((m) => m["objective/kl_coef"]!);
      assert.ok(Math.abs(second! - 0.05 * (1 - 0.2 * 8 / 100)) < 1e-9, `${second}`);
      assert.ok(existsSync(join(all.folder, "runs", "whole", "adapter", "adapter_config.json")));
      assert.ok(!existsSync(join(all.folder, "runs", "whole", "adapter", "model.safetensors")));
    });

    await t.step("each prompt is four times in a batch, under keys of its own", () => {
      const [first, second, ...others] = all.policies[0]!.groups;
      const prompts = [...first!.prompts, ...second!.prompts];
      assert.equal(new Set(prompts.map(({ key }) => key)).size, 8);
      const texts = Map.groupBy(prompts, ({ tokenIds }) => `${tokenIds?.ids}`);
      assert.deepEqual([...texts.values()].map(({ length }) => length), [4, 4]);
      assert.ok([first!, ...others].every(({ returnValues }) => !returnValues));
    });

    await t.step("a run that was stopped ends bit for bit as one that was not", async () => {
      const trainer = all.trainer(of(algorithm));
      await trainer.start({ runId: "cut", configJson: "", resume: false });
      const never = new AbortController().signal;
      while (trainer.run("cut").step < 3) await trainer.store.changed(20, never);
      await trainer.stop("cut", true);
      assert.ok(trainer.run("cut").step < few.steps);
      await trainer.start({ runId: "cut", configJson: "", resume: true });
      assert.deepEqual((await ended(trainer, "cut")).metrics, whole.metrics);
      const bytes = (runId: string, file: string) => {
        const name = checkpointName(few.steps);
        return readFileSync(join(all.folder, "runs", runId, "checkpoints", name, file));
      };
      for (const file of ["adapter/adapter_model.safetensors", "optimizer.safetensors"]) {
        assert.ok(bytes("cut", file).equals(bytes("whole", file)), file);
      }
    });

    await t.step("responses that are all alike in score teach nothing", async () => {
      const { run, metrics } = await all.finished(
        "alike",
        of(algorithm, 3, { constant_score: 0.3 }),
      );
      assert.equal(run.state, "SUCCEEDED", run.message);
      for (const row of metrics) {
        assert.equal(row["frac_reward_zero_std"], 1);
        assert.equal(row["objective/kl"], 0);
        assert.equal(row["ppo/grad_norm"], 0);
      }
    });

    await t.step("a start adapter is the reference", async () => {
      const start_adapter = join(all.folder, "runs", "whole", "adapter");
      const { run, metrics } = await all.finished(
        "on",
        of(algorithm, 1, {
          model: { ...all.config().model, start_adapter },
        }),
      );
      assert.equal(run.state, "SUCCEEDED", run.message);
      assert.equal(metrics[0]!["objective/kl"], 0);
      assert.deepEqual(all.policies[0]!.held("on"), { newest: 2, start: true });
    });
  });
}
