import assert from "node:assert/strict";
import {
  configDifferences,
  configHash,
  continuing,
  decisive,
  recordedRunConfig,
  runConfigOf,
  sharingCuts,
} from "./run.ts";
import { sections } from "./sections.ts";

const base = runConfigOf({
  ...sections.trainer.parse({ data: { train: "train.jsonl", prompt: "{text}" } }),
  model: sections.model.parse({ name_or_path: "m" }),
});

Deno.test("changes win field by field, and what is not said stays", () => {
  const config = runConfigOf(base, '{"ppo": {"steps": 7}, "data": {"split": {"train": 1}}}');
  assert.equal(config.ppo.steps, 7);
  assert.equal(config.ppo.batch_size, base.ppo.batch_size);
  assert.deepEqual(config.data.split, { train: 1 });
  assert.deepEqual(runConfigOf(base), base);
});

Deno.test("the hash follows the values, not the order of the fields", () => {
  const reversed = Object.fromEntries(Object.entries(base).reverse()) as typeof base;
  assert.equal(configHash(reversed), configHash(base));
  const other = runConfigOf(base, '{"seed": 6, "ppo": {"gamma": 0.5}}');
  assert.notEqual(configHash(other), configHash(base));
  assert.deepEqual(configDifferences(base, other), ["ppo.gamma", "seed"]);
});

Deno.test("fields that do not go together are refused, all at once", () => {
  const ppo = {
    mini_batch_size: 100,
    min_new_tokens: 100,
    length_sampler: { min: 5, max: 5 },
    use_score_norm: true,
  };
  assert.throws(() => runConfigOf(base, JSON.stringify({ ppo })), (error: Error) => {
    for (const field of ["mini_batch_size", "min_new_tokens", "length_sampler", "use_score_norm"]) {
      assert.match(error.message, new RegExp(`ppo.${field} is`));
    }
    return true;
  });
  assert.throws(() => runConfigOf(base, "[1]"), /config_json is \[1\]: expected an object/);
});

Deno.test("only the section of the algorithm decides the results", () => {
  const other = runConfigOf(base, '{"grpo": {"beta": 1}, "rloo": {"rloo_k": 4}}');
  assert.equal(configHash(other), configHash(base));
  assert.deepEqual(configDifferences(decisive(base), decisive(other)), []);
  const grpo = runConfigOf(base, '{"algorithm": "grpo"}');
  assert.notEqual(configHash(grpo), configHash(base));
  assert.equal(
    configHash(runConfigOf(grpo, '{"ppo": {"gamma": 0.5}}')),
    configHash(grpo),
  );
});

Deno.test("what an algorithm does not have is refused, and so are batches that are not whole groups", () => {
  const refuse = (section: string, settings: object, message: RegExp) =>
    assert.throws(() => runConfigOf(base, JSON.stringify({ [section]: settings })), message);
  refuse("grpo", { vf_coef: 0.1 }, /vf_coef/);
  refuse("rloo", { num_generations: 4 }, /num_generations/);
  refuse(
    "grpo",
    { batch_size: 20 },
    /grpo.batch_size is 20: expected a multiple of num_generations, 8/,
  );
  refuse("rloo", { rloo_k: 5 }, /rloo.batch_size is 16: expected a multiple of rloo_k, 5/);
  refuse("rloo", { rloo_k: 1 }, /rloo.rloo_k is 1/);
});

Deno.test("a run that an older version recorded is the same run under the names of today", () => {
  const { model: { name_or_path, ...old }, rollout: _, ...rest } = base;
  const recorded = recordedRunConfig(JSON.stringify({ ...rest, ...old, model: name_or_path }));
  assert.deepEqual(recorded, base, "settings that are newer than the run have their defaults");
  assert.deepEqual(configDifferences(decisive(recorded), decisive(base)), []);
  const changes = '{"model": "other", "lora": {"r": 4}, "precision": "bf16"}';
  const { model } = runConfigOf(base, changes);
  assert.deepEqual([model.name_or_path, model.lora.r, model.precision], ["other", 4, "bf16"]);
  assert.equal(model.lora.lora_alpha, base.model.lora.lora_alpha);
  assert.throws(
    () => runConfigOf(base, '{"model": {"precision": "fp32"}, "precision": "bf16"}'),
    /model\.precision is "fp32", precision is "bf16": they are one setting now/,
  );
});

Deno.test("what keeps a prompt from being encoded once is said", () => {
  const of = (algorithm: string, settings: object, group_size = 8) =>
    runConfigOf(
      base,
      JSON.stringify({
        algorithm,
        rollout: { group_size },
        ...(algorithm === "ppo" ? {} : { [algorithm]: { share_prompts: true, ...settings } }),
      }),
    );
  assert.deepEqual(sharingCuts(of("ppo", {})), [], "one response to a prompt: nothing is shared");
  assert.deepEqual(sharingCuts(of("grpo", { micro_batch_size: 8 })), []);
  assert.deepEqual(sharingCuts(of("grpo", { micro_batch_size: 4, share_prompts: false })), []);
  const [cut, ...others] = sharingCuts(of("grpo", { micro_batch_size: 3 }));
  assert.equal(
    cut,
    "grpo.micro_batch_size is 3, below the 8 responses to a prompt: a prompt is encoded 3 times in a pass of the learner; " +
      "8 or more would encode it once",
  );
  assert.deepEqual(others, []);
  assert.match(sharingCuts(of("rloo", { rloo_k: 4 }, 2))[0]!, /rollout.group_size is 2/);
  assert.match(
    sharingCuts(of("rloo", { rloo_k: 4, mini_batch_size: 6 }))[0]!,
    /mini_batch_size is 6, not a multiple of the 4/,
  );
  assert.deepEqual(sharingCuts(of("online_dpo", { micro_batch_size: 1 })), [], "pairs stay whole");
});

Deno.test("a run that is older than share_prompts continues without it", () => {
  const wanted = runConfigOf(base, '{"algorithm": "grpo"}');
  assert.ok(wanted.grpo.share_prompts);
  const { share_prompts: _, ...older } = wanted.grpo;
  const json = JSON.stringify({ ...wanted, grpo: older });
  const recorded = recordedRunConfig(json);
  assert.ok(!recorded.grpo.share_prompts && recorded.rloo.share_prompts);
  const differences = (config: typeof wanted) =>
    configDifferences(decisive(recorded), decisive(config));
  assert.deepEqual(differences(continuing(json, wanted)), []);
  assert.deepEqual(differences(wanted), ["grpo.share_prompts"]);
  assert.deepEqual(continuing(JSON.stringify(wanted), wanted), wanted);
});
