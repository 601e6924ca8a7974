import { Ajv } from "ajv";
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { chartFiles, files } from "../../tools/chart/generated.ts";
import { valuesSchema } from "../../tools/chart/values_schema.ts";
import { root } from "./dockerfile.ts";

const chart = join(root, "deploy", "helm", "decorum");
const read = (name: string) => parse(readFileSync(join(chart, name), "utf8")) as object;
const schema = valuesSchema();
const validate = new Ajv({ allErrors: true, allowUnionTypes: true, strict: false, logger: false })
  .compile(schema);

/** Values as Helm puts them together: those of files over those before, null takes a default away. */
function merged(...parts: readonly unknown[]): unknown {
  return parts.reduce((below, above) => {
    if (!isObject(below) || !isObject(above)) return above;
    const both = { ...below };
    for (const [key, value] of Object.entries(above)) {
      if (value === null && key in below) delete both[key];
      else both[key] = key in below ? merged(below[key], value) : value;
    }
    return both;
  });
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An object with one value, deep inside: `{ "a.b": 1 }` for a.b. */
function at(path: string, value: unknown): object {
  return path.split(".").reverse().reduce<unknown>(
    (inner, key) => ({ [key]: inner }),
    value,
  ) as object;
}

Deno.test("chart: the schema and the copied files are today's: else `deno task chart`", () => {
  const expected = chartFiles();
  for (const [path, text] of expected) {
    const file = join(root, path);
    assert.ok(
      existsSync(file) && readFileSync(file, "utf8") === text,
      `${path}: run \`deno task chart\``,
    );
  }
  const copies = existsSync(join(root, files))
    ? readdirSync(join(root, files), { recursive: true, encoding: "utf8" })
    : [];
  const wanted = [...expected.keys()].filter((path) => path.startsWith(files));
  assert.equal(copies.filter((name) => /\.(json|yaml)$/.test(name)).length, wanted.length);
});

Deno.test("chart: patterns of the schema are ones that Helm's RE2 knows", () => {
  const patterns = [...JSON.stringify(schema).matchAll(/"pattern":"((?:[^"\\]|\\.)*)"/g)];
  assert.ok(patterns.length > 10);
  for (const [, pattern] of patterns) assert.doesNotMatch(pattern!, /\(\?[=!<]|\\\\[1-9]/);
});

Deno.test("chart: the schema accepts the chart's own values, and asks for all of them", () => {
  const names = readdirSync(chart).filter((name) => /^values-.*\.yaml$/.test(name));
  const known = ["cpu", "gpu", "learners", "production"].map((name) => `values-${name}.yaml`);
  assert.deepEqual(names.sort(), known);
  for (const name of ["values.yaml", ...names]) {
    // Learners are part of a run, which other values have.
    const below = name === "values-learners.yaml" ? ["values-gpu.yaml", name] : [name];
    assert.ok(
      validate(merged(read("values.yaml"), ...below.map(read))),
      `${name}: ${JSON.stringify(validate.errors)}`,
    );
  }
  for (const key of Object.keys(read("values.yaml"))) {
    assert.ok(!validate(merged(read("values.yaml"), { [key]: null })), key);
  }
});

const learners = { replicas: 4, gpus: 1 };
const topology = (kind: string) => at(`trainer.kueue.topology.${kind}`, "rack");

const wrong: readonly (readonly [path: string, value: unknown])[] = [
  ["polcy", {}],
  ["policy.replicas", 0],
  ["policy.replicas", "2"],
  ["policy.gpus", -1],
  ["policy.gpu", 1],
  ["policy.resources.requests.cpu", "lots"],
  ["policy.resources.limits.memory", "4GB"],
  ["policy.resources.requests.gpu", 1],
  ["policy.startupSeconds", 0],
  ["policy.rollingUpdate.maxSurge", "half"],
  ["policy.podDisruptionBudget.minAvailable", 1],
  ["policy.tolerations", [{ key: "a", operator: "Is" }]],
  ["policy.affinity.nodeAfinity", {}],
  ["policy.env", { "not a name": "x" }],
  ["policy.env", { A: 1 }],
  // What the chart decides itself.
  ["policy.config.listen", "127.0.0.1:1"],
  ["policy.config.model", "other"],
  ["policy.config.tls", null],
  ["policy.config.insecure", true],
  ["trainer.config.run", "a"],
  ["trainer.config.policy", ["a:1"]],
  ["evaluator.config.policy", ["a:1"]],
  // What a service would refuse.
  ["policy.config.limits.max_prompts", 0],
  ["reward.config.precision", "fp8"],
  ["reward.config.batching.max_delay_ms", 5000],
  ["reward.config.lable", "nothate"],
  ["evaluator.config.bootstrap.samples", 1],
  ["trainer.config.ppo.gamma", 1.5],
  ["trainer.config.ppo.kl_penalty", "k9"],
  ["trainer.config.ppo.steps", "100"],
  ["trainer.config.data.format", "xml"],
  ["model.lora.r", 0],
  ["model.lora.rank", 8],
  ["model.name_or_path", ""],
  ["model.precision", "fp8"],
  ["lora.r", 8],
  ["telemetry.log_level", "loud"],
  ["image.tag", "latest"],
  ["image.digest", "sha256:abc"],
  ["image.pullPolicy", "Sometimes"],
  ["tls.mode", "on"],
  ["tls.trustDomain", "Not/A/Domain"],
  ["tls.duration", "90 days"],
  ["models.sha256", { "t5/model.safetensors": "abc" }],
  ["models.sha256", { "../etc/passwd": "0".repeat(64) }],
  ["models.sha256", { "/etc/passwd": "0".repeat(64) }],
  ["networkPolicy.clients.reward", [{ podSelektor: {} }]],
  ["networkPolicy.clients.others", []],
  ["networkPolicy.dns", []],
  ["networkPolicy.otlpPort", 70_000],
  ["monitoring.serviceMonitor.interval", "15"],
  ["reward.autoscaling.maxReplicas", 0],
  ["reward.autoscaling.prometheusAddress", "prometheus:9090"],
  ["trainer.replicas", 2],
  ["trainer.run", ".hidden"],
  ["trainer.run", "a/b"],
  ["trainer.storage.accessModes", ["ReadWriteOnce", "ReadWriteMany"]],
  ["trainer.storage.accessModes", ["ReadOnlyMany"]],
  ["trainer.backoffLimit", -1],
  ["trainer.kueueQueue", "batch"],
  ["trainer.kueue.queue", "My Queue"],
  ["trainer.kueue.topology.required", "a rack"],
  ["trainer.ui.tokensSecret", "Not A Name"],
  ["trainer.config.learners", ["a:1"]],
  ["learner.replicas", -1],
  ["learner.replicas", 1.5],
  ["learner.replicas", "4"],
  ["learner.replicas", 1001],
  ["learner.gpus", -1],
  ["learner.backoffLimit", -1],
  ["learner.config.threads", 8],
  ["learner.config.listen", "127.0.0.1:1"],
  ["learner.run", "a"],
  ["learner.podDisruptionBudget", { enabled: true }],
];
/** Values that are wrong together. */
const wrongTogether: Readonly<Record<string, readonly object[]>> = {
  "learners without a run": [at("trainer.run", ""), at("learner.replicas", 1)],
  "learners on CPUs for a trainer on a GPU": [at("learner", { replicas: 2, gpus: 0 })],
  "a priority without a queue": [at("trainer.kueue.priorityClass", "high")],
  "a topology without a queue": [at("learner", learners), topology("preferred")],
  "a topology without learners": [at("trainer.kueue.queue", "q"), topology("required")],
  "two topologies": [
    ...[at("learner", learners), at("trainer.kueue.queue", "q")],
    ...[topology("required"), topology("preferred")],
  ],
  "a page without TLS": [at("trainer.ui", { enabled: true, tokensSecret: "tokens" })],
  "a page without tokens": [at("trainer.ui.enabled", true), at("tls.mode", "secret")],
};

Deno.test(`chart: the schema refuses ${wrong.length + Object.keys(wrongTogether).length} wrong values`, () => {
  const good = merged(read("values.yaml"), read("values-gpu.yaml"));
  assert.ok(validate(good));
  for (const [path, value] of wrong) {
    // null would take a default away.
    const values = value === null ? merged(good, at(path, "null")) : merged(good, at(path, value));
    assert.ok(!validate(values), `${path}: ${JSON.stringify(value)} is accepted`);
  }
  for (const [what, parts] of Object.entries(wrongTogether)) {
    assert.ok(!validate(merged(good, ...parts)), `${what} are accepted`);
  }
  const noData = merged(read("values.yaml"), { trainer: { run: "a" } });
  assert.ok(!validate(noData), "a run without data");
});

Deno.test("chart: the schema accepts learners, queue, topology and page where all that they need is there", () => {
  const gpu = merged(read("values.yaml"), read("values-gpu.yaml"));
  const queue = at("trainer.kueue.queue", "q");
  const good: Readonly<Record<string, readonly object[]>> = {
    "learners alone": [at("learner", learners)],
    "a queue alone": [queue, at("trainer.kueue.priorityClass", "high")],
    "learners of one rack": [at("learner", learners), queue, topology("required")],
    "learners that may differ": [
      at("learner", { replicas: 2, gpus: 0 }),
      at("trainer.config.allow_different_learners", true),
    ],
    "a page": [
      at("tls.mode", "secret"),
      at("trainer.ui", { enabled: true, tokensSecret: "tokens" }),
    ],
  };
  for (const [what, parts] of Object.entries(good)) {
    assert.ok(validate(merged(gpu, ...parts)), `${what}: ${JSON.stringify(validate.errors)}`);
  }
});
