import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fieldsOf } from "./field.ts";
import { ConfigError } from "./load.ts";
import { loraConfigOf } from "./model.ts";
import { loadSections, loadService, namedIn, sectionNames, sections } from "./sections.ts";

const policy = (...set: string[]) =>
  loadService("policy", { set: ["model.name_or_path=m", ...set] }).config;

/** What is wrong with settings, one message a line. */
function problemsOf(load: () => unknown): readonly string[] {
  try {
    load();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
  return assert.fail("nothing is wrong");
}

Deno.test("every setting says what it is, and has a default or an example", () => {
  for (const name of sectionNames) {
    assert.notEqual(sections[name].description, undefined, name);
    for (const field of fieldsOf(name, sections[name])) {
      assert.match(field.description, /^.+[.:]$|^.+\}\.$/, `${field.name}: expected a sentence`);
      assert.doesNotMatch(field.type, /undefined|object/, `${field.name}: ${field.type}`);
      assert.ok(field.required || field.group || field.default !== undefined, field.name);
      if (field.required && !field.group) {
        const inGroup = /\.(tls|client_tls|length_sampler)\./.test(field.name);
        assert.ok(field.example !== undefined || inGroup, `${field.name} has no example`);
      }
    }
  }
});

Deno.test("policy and trainer read the model in one place", () => {
  const set = [
    "model.name_or_path=m",
    "model.lora.r=4",
    "trainer.data={train: t.csv, prompt: '{a}'}",
  ];
  const { config } = loadService("trainer", { set });
  assert.deepEqual(config.model, loadService("policy", { set }).config.model);
  assert.deepEqual(loraConfigOf(config), {
    r: 4,
    loraAlpha: 32,
    loraDropout: 0.05,
    targetModules: ["q", "v"],
  });
});

Deno.test("all that is wrong is told at once, with the nearest name for one that is unknown", () => {
  const set = [
    "policy.keep_versions=1",
    "policy.keep_run=2",
    "policy.max_prompts=2",
    "model.lora.rank=3",
    "model.precision=int8",
    "polcy.threads=1",
  ];
  const text = problemsOf(() => loadService("policy", { set })).join("\n");
  assert.match(text, /^model\.name_or_path is missing/m);
  assert.match(text, /^policy\.keep_versions is 1: .*>=2/m);
  assert.match(text, /^policy\.keep_run is unknown: the nearest name is policy\.keep_runs/m);
  assert.match(
    text,
    /^policy\.max_prompts is unknown: the nearest name is policy\..*\.max_prompts/m,
  );
  assert.match(text, /^model\.lora\.rank is unknown: the nearest name is model\.lora\.r /m);
  assert.match(text, /^model\.precision is "int8": .*"fp32"/m);
  assert.match(text, /^polcy is unknown: the nearest name is policy /m);
  const trainer = problemsOf(() =>
    loadService("trainer", {
      set: [
        ...["trainer.policy=[]", "trainer.reward=nowhere", "trainer.ppo.steps=-1"],
        ...["trainer.ppo.clip=0.1", "trainer.ppo.zzzzzz=1"],
      ],
    })
  );
  assert.match(trainer.join("\n"), /ppo\.clip is unknown: the nearest name is .*\.ppo\.cliprange /);
  assert.match(trainer.join("\n"), /ppo\.zzzzzz is unknown: expected a setting of this version/);
  const names = ["trainer.policy is []", "trainer.reward is", "trainer.ppo.steps is -1"];
  for (const name of [...names, "trainer.data is missing", "model.name_or_path is missing"]) {
    assert.ok(trainer.some((one) => one.startsWith(name)), `${name} in ${trainer.join("\n")}`);
  }
});

Deno.test("what is secret is not shown, not even when it is wrong", () => {
  const set = ["client.token_file=[hunter2]", "client.client_tls={ca: a, key: [hunter2]}"];
  const text = problemsOf(() => loadSections(["client"], { set })).join("\n");
  assert.match(text, /^client\.token_file is wrong \(it is not shown\): expected string/m);
  assert.match(text, /^client\.client_tls\.key is wrong/m);
  assert.doesNotMatch(text, /hunter2/);
});

Deno.test("limits that contradict each other, and int8 on a GPU, are refused", () => {
  assert.throws(
    () => policy("policy.limits.max_queue_tokens=1000"),
    /limits.max_queue_tokens is 1000: expected at least .* = 98304/,
  );
  assert.throws(
    () => policy("policy.batching.max_tokens=1000"),
    /batching.max_tokens is 1000: expected at least .* = 1536/,
  );
  const reward = (...set: string[]) =>
    loadService("reward", { set: ["reward.model=m", "reward.precision=int8", ...set] }).config;
  assert.equal(reward().precision, "int8");
  assert.throws(() => reward("reward.provider=cuda"), /reward\.precision.*int8 runs on/);
});

Deno.test("one address is a list of one", () => {
  const set = ["evaluator.toxicity.model=m", "evaluator.policy=policy:50051"];
  assert.deepEqual(loadService("evaluator", { set }).config.policy, ["policy:50051"]);
});

Deno.test("an evaluator measures the trainer's terms where it has none of its own", () => {
  const rewards = (...set: string[]) =>
    loadService("evaluator", { set: ["evaluator.toxicity.model=m", ...set] }).config.rewards;
  const terms = "[{name: a, kind: classifier}, {name: b, kind: classifier, service: 'c:2'}]";
  const services = (...set: string[]) =>
    rewards(...set)?.map((term) => "service" in term ? term.service : undefined);
  const trainer = `trainer.rewards=${terms}`;
  assert.equal(rewards(), null);
  assert.deepEqual(services(trainer), ["127.0.0.1:50052", "c:2"]);
  assert.deepEqual(services(trainer, "trainer.reward=r:1"), ["r:1", "c:2"]);
  assert.deepEqual(rewards(trainer, "evaluator.rewards=[]"), []);
  const own = "evaluator.rewards=[{name: own, kind: regex, pattern: x}]";
  assert.deepEqual(rewards(trainer, own)?.map(({ name }) => name), ["own"]);
  assert.match(
    problemsOf(() => rewards(`evaluator.rewards=${terms}`)).join("\n"),
    /^evaluator\.rewards\.0\.service is missing: expected host:port of the reward service/,
  );
  assert.match(
    problemsOf(() => rewards("trainer.rewards=[{name: a, kind: rogue}]")).join("\n"),
    /^evaluator\.rewards\.0\.kind is "rogue"/,
  );
});

Deno.test("what a configuration names is found by its kind, checked or not", () => {
  const values = {
    evaluator: { policy: ["a:1", "b:2"], toxicity: { model: "t" }, judge: { model: "j" } },
    trainer: { data: { train: "t.csv", eval: null } },
  };
  const found = namedIn(values, "model", "onnx", "data");
  assert.deepEqual(found.map(({ name, kind, value }) => [name, kind, value]), [
    ["evaluator.toxicity.model", "model", "t"],
    ["evaluator.judge.model", "onnx", "j"],
    ["trainer.data.train", "data", "t.csv"],
  ]);
  assert.deepEqual(namedIn(values, "service").map(({ value }) => value), ["a:1", "b:2"]);
});

Deno.test("an older file loads as the same settings under their names of today", () => {
  const file = join(mkdtempSync(join(tmpdir(), "settings-")), "decorum.yaml");
  const load = (text: string) => {
    writeFileSync(file, text);
    return loadService("policy", { file }).config.model;
  };
  const old = `
policy: { model: m, lora: &lora { r: 4 }, precision: fp32 }
trainer: { model: m, lora: *lora, data: { train: t, prompt: p } }
`;
  assert.deepEqual(load(old), load("model: { name_or_path: m, lora: { r: 4 } }"));
  assert.deepEqual(load("policy: { model: m, start_adapter: a }").start_adapter, "a");

  const wrong = (text: string) => problemsOf(() => load(text)).join("\n");
  assert.match(
    wrong("policy: { model: a }\ntrainer: { model: b }"),
    /policy\.model is "a", trainer\.model is "b": they are one setting now, model\.name_or_path/,
  );
  // What was not given had its default, which the other section's value may not replace in silence.
  assert.match(
    wrong("policy: { model: m, precision: bf16 }\ntrainer: { model: m }"),
    /policy\.precision is "bf16", trainer\.precision \(not given\) is "fp32"/,
  );
  assert.match(
    wrong("model: { name_or_path: a }\npolicy: { model: b }"),
    /model\.name_or_path is "a", policy\.model is "b"/,
  );
  const flag = problemsOf(() =>
    loadService("policy", { set: ["policy.model=m"], env: { DECORUM_TRAINER__LORA__R: "8" } })
  ).join("\n");
  assert.match(flag, /policy\.model is now model\.name_or_path, .*\(--set\)/);
  assert.match(flag, /trainer\.lora\.r is now model\.lora\.r, .*DECORUM_TRAINER__LORA__R/);
});
