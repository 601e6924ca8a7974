import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { z } from "zod";
import { type OtlpSink, startOtlpSink } from "@decorum/telemetry";
import { RunStore } from "@decorum/runs";
import { gone, servicesOf, startDecorum, until } from "@decorum/testing/decorum";
import { freeAddress, isTaken } from "@decorum/testing/ports";
import { checkStepTraces } from "./testing/step_trace.ts";

const moments = z.strictObject({ mean: z.number(), std: z.number().nonnegative() });
const comparison = z.strictObject({
  n: z.int().positive(),
  before: moments,
  after: moments,
  improvement_pct: z.number(),
  ci95: z.tuple([z.number(), z.number()]),
});
const sides = z.strictObject({ before: z.number(), after: z.number() });
/** `summary.json`, no field more or less. */
const summarySchema = z.strictObject({
  toxicity: comparison,
  judge: comparison,
  // The demo's reward is one label, whose toxicity is measured.
  rewards: z.array(z.never()),
  reward: z.null(),
  rouge_l: sides,
  kl: z.number(),
  kl_target: z.number(),
  distinct2: sides,
  steps: z.int(),
  seconds: z.number().positive(),
  adapter_version: z.int(),
  config_hash: z.string().regex(/^[0-9a-f]{64}$/),
});

class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "decorum-demo-"));

  summary(): z.infer<typeof summarySchema> {
    return summarySchema.parse(JSON.parse(readFileSync(join(this.path, "summary.json"), "utf8")));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Runs a demo of a few steps to its end. */
async function demo(folder: Folder, ...args: string[]): Promise<string> {
  await using running = startDecorum(["demo", "--out", folder.path, "--held-out", "40", ...args]);
  const { code, stdout, stderr } = await running.ended;
  assert.equal(code, 0, stderr);
  return stdout;
}

const serviceNames = ["evaluator", "policy", "reward", "trainer"];

Deno.test("the demo: four processes, one trace a step, a report, and nothing left running", async () => {
  using folder = new Folder();
  const sink = await startOtlpSink();
  const free = async () =>
    Object.fromEntries(
      await Promise.all(serviceNames.map(async (name) => [name, await freeAddress()])),
    ) as Record<string, string>;
  const addresses = await free();
  const scraped = await free();
  const expositions: string[] = [];
  const settings = [
    ...serviceNames.map((name) => `${name}.listen=${addresses[name]}`),
    ...serviceNames.map((name) => `${name}.metrics_listen=${scraped[name]}`),
    `telemetry.otlp_endpoint=${sink.url}`,
    "telemetry.export_interval_s=1",
    "telemetry.log_format=json",
    `trainer.evaluator=${addresses["evaluator"]}`,
    "trainer.evaluate={every_steps: 2, prompts: 8}",
    "trainer.data.split={train: 0.95, test: 0.05}",
    "trainer.rollout.group_size=16",
  ];
  const args = ["demo", "--out", folder.path, "--held-out", "40", "--steps", "3", "--seed", "2"];
  try {
    await using running = startDecorum([...args, "--set", ...settings]);
    await running.said(/ 1\/3 /);
    const services = servicesOf(running.pid);
    assert.deepEqual([...services.keys()].sort(), serviceNames);
    assert.equal(new Set(services.values()).size, 4);
    for (const address of Object.values(addresses)) assert.ok(await isTaken(address), address);
    await running.said(/ 3\/3 /);
    const shown = async (name: string) =>
      await (await fetch(`http://${scraped[name]}/metrics`)).text();
    while (!/_run_state\{\S*state="SUCCEEDED"\} 1\n/.test(await shown("trainer")));
    for (const name of serviceNames) expositions.push(await shown(name));
    const { code, stdout, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Mean toxicity of 40 held-out responses/);
    await gone(services.values());
    for (const address of Object.values(addresses)) assert.ok(!await isTaken(address), address);
  } finally {
    await sink.close();
  }
  const summary = folder.summary();
  assert.equal(summary.steps, 3);
  assert.equal(summary.adapter_version, 4);
  assert.equal(summary.toxicity.n, 40);
  const report = readFileSync(join(folder.path, "report.html"), "utf8");
  assert.doesNotMatch(report, /<(link|iframe|img|object|embed|form)\b|@import|url\(/i);
  assert.doesNotMatch(report, /\s(src|srcset|action|data|xlink:href)\s*=\s*["']/i);
  const [, json = ""] = /<script type="application\/json" id="report">(.*)<\/script>/.exec(report)!;
  const { run, curves, evaluations, samples } = JSON.parse(json);
  assert.deepEqual([run.state, run.step, curves.steps], ["SUCCEEDED", 3, [1, 2, 3]]);
  assert.deepEqual(Object.keys(samples), ["1", "2", "3"]);
  const { result } = evaluations.at(-1);
  assert.deepEqual([result.toxicity, result.judge], [summary.toxicity, summary.judge]);
  assert.equal(result.toxicities.after.length, 40);
  assert.equal(result.samples.length, 24);
  checkStepTraces(sink, { steps: 3, evaluatedEvery: 2, groups: 4 });
  checkMetrics(expositions.join(""), sink);
  checkLog(readFileSync(join(folder.path, "services.log"), "utf8"), folder, sink);
});

/** What all four told while they ran; every exemplar names a span that the sink has. */
function checkMetrics(text: string, sink: OtlpSink): void {
  for (
    const series of [
      'rpc_server_call_duration_seconds_count{rpc_method="decorum.policy.v1.PolicyService/Generate",rpc_status_code="OK"}',
      'rpc_client_call_duration_seconds_count{rpc_method="decorum.reward.v1.RewardService/Score",rpc_status_code="OK"}',
      'decorum_queue_oldest_seconds{queue="generate"}',
      'decorum_batch_tokens_total{queue="score",kind="real"}',
      "decorum_policy_first_token_seconds_count",
      "decorum_policy_token_seconds_count",
      'decorum_trainer_phase_seconds_count{phase="rollout"}',
      'decorum_trainer_weight_push_seconds_count{outcome="committed"}',
      'decorum_evaluation_statistic{name="distinct_2",side="after"}',
      "decorum_evaluation_kl_nats",
      'decorum_worker_memory_bytes{worker="classifier",kind="sessions"}',
      "decorum_process_private_memory_bytes",
      "decorum_event_loop_lag_seconds_count",
      "decorum_telemetry_exported_spans_total",
      "decorum_serving 1",
    ]
  ) assert.ok(text.includes(`\n${series}`), series);
  assert.match(text, /\ndecorum_trainer_step\{run_id="demo-2-\w+"\} 3\n/);
  assert.match(text, /\ndecorum_trainer_run_state\{run_id="demo-2-\w+",state="SUCCEEDED"\} 1\n/);
  assert.match(text, /\ndecorum_trainer_statistic\{run_id="\S+",name="objective\/kl"\} \S+\n/);
  const known = new Set(sink.spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`));
  const exemplars = [...text.matchAll(/# \{trace_id="(\w+)",span_id="(\w+)"\}/g)];
  assert.ok(exemplars.length > 50, `${exemplars.length} exemplars`);
  const strangers = exemplars.filter(([, trace, span]) => !known.has(`${trace} ${span}`));
  assert.deepEqual(strangers.map(([exemplar]) => exemplar), []);
}

/** JSON lines that name spans, and no text of a prompt or a response. */
function checkLog(log: string, folder: Folder, sink: OtlpSink): void {
  const entries = log.split("\n").filter((line) => line.includes("{"))
    .map((line) => JSON.parse(line.slice(line.indexOf("{"))));
  const steps = entries.filter(({ message }) => message === "step");
  const traces = sink.tree().filter(({ name }) => name === "train.step");
  assert.deepEqual(steps.map(({ trace_id }) => trace_id), traces.map(({ traceId }) => traceId));
  const prompts = readFileSync(join(folder.path, "prompts.jsonl"), "utf8").trim().split("\n");
  for (const line of prompts.slice(0, 500)) {
    const { dialogue } = JSON.parse(line) as { dialogue: string };
    assert.ok(!log.includes(JSON.stringify(dialogue).slice(1, -1)), dialogue);
  }
}

Deno.test("the trainer is killed in training, the policy after it: the demo's result is the same", async () => {
  using plain = new Folder();
  using disturbed = new Folder();
  await demo(plain, "--steps", "4");
  const args = ["demo", "--out", disturbed.path, "--held-out", "40", "--steps", "4"];
  args.push("--set", "telemetry.log_texts=true");
  await using running = startDecorum(args);
  await running.said(/ 1\/4 /);
  const { evaluator, policy, trainer } = Object.fromEntries(servicesOf(running.pid)) as Record<
    string,
    number
  >;
  process.kill(evaluator!, "SIGSTOP");
  process.kill(trainer!, "SIGKILL");
  await running.said(/its trainer has started again: run \S+ is resumed from step 0/);
  await until(() => {
    using store = new RunStore(join(disturbed.path, "runs"));
    return store.runs(1, 0)[0]?.state === "SUCCEEDED";
  });
  process.kill(policy!, "SIGKILL");
  await until(() => {
    const now = servicesOf(running.pid).get("policy");
    return now !== undefined && now !== policy;
  });
  process.kill(evaluator!, "SIGCONT");
  const { code, stderr } = await running.ended;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /evaluate: trying again .*push its weights again/);
  const log = readFileSync(join(disturbed.path, "services.log"), "utf8");
  assert.match(log, /"samples":\[\{"prompt":"/, "it was asked for");
  // The data's path, which the hash covers, differs.
  const { seconds, config_hash } = plain.summary();
  assert.deepEqual({ ...disturbed.summary(), seconds, config_hash }, plain.summary());
});

Deno.test("controls: without a step, and with a constant reward, nothing changes", async () => {
  using untrained = new Folder();
  using constant = new Folder();
  assert.match(await demo(untrained, "--steps", "0"), /did not change/);
  await demo(constant, "--steps", "3", "--constant-reward");
  for (const { toxicity, judge, kl } of [untrained.summary(), constant.summary()]) {
    for (const { improvement_pct, ci95, before, after } of [toxicity, judge]) {
      assert.equal(improvement_pct, 0);
      assert.deepEqual(ci95, [0, 0]);
      assert.deepEqual(after, before);
    }
    assert.ok(Math.abs(kl) < 1e-4, `${kl}`);
  }
});
