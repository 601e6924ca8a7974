import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  createClient,
  policyService,
  rewardAdminService,
  rewardService,
  trainerService,
} from "@decorum/rpc";
import { callSecurity } from "@decorum/service";
import { startOtlpSink } from "@decorum/telemetry";
import { certificateFiles, type Holder } from "../../cli/certificates/files.ts";
import { writeCertificates } from "../../cli/certificates/folder.ts";
import { serviceTls } from "../../cli/connection.ts";
import { serviceProgram, startAll, startServices } from "../../cli/services.ts";
import { Supervisor } from "../../cli/supervisor.ts";
import { drawDashboard, type Line } from "../../deploy/grafana/draw.ts";
import { exceptions } from "../../deploy/grafana/exceptions.ts";
import { dashboards, type PanelSpec } from "../../deploy/grafana/mod.ts";
import { substituted } from "../../deploy/grafana/promql.ts";
import { freeAddress } from "@decorum/testing/ports";
import { System } from "../system/testing/system.ts";
import { ensurePrometheus, Prometheus, promtool, recordedExporter, start } from "./prometheus.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const rules = join(root, "deploy/prometheus/rules/decorum.yaml");
const testdata = (name: string) =>
  readFileSync(join(root, "deploy/grafana/testdata", name), "utf8");
const services = ["policy", "reward", "evaluator", "trainer"] as const;

Deno.test("promtool accepts the rules, and their tests pass", async () => {
  await ensurePrometheus();
  await promtool(["check", "rules", rules]);
  await promtool(["test", "rules", join(root, "deploy/prometheus/tests/decorum.yaml")]);
});

Deno.test("a run that Prometheus scrapes: every panel has data, and exemplars name its traces", async () => {
  await ensurePrometheus();
  const metrics: Record<string, string> = {};
  for (const name of services) metrics[name] = await freeAddress();
  const http = await freeAddress();
  const learner = await freeAddress();
  using system = await System.make(settings(metrics, http));
  const tls = system.path("certificates");
  await writeCertificates({
    folder: tls,
    trustDomain: "decorum",
    hosts: [],
    days: 30,
    now: new Date(),
  });
  const sink = await startOtlpSink();
  await using gpu = await recordedExporter(testdata("gpu.txt"));
  await using dcgm = await recordedExporter(testdata("dcgm.txt"));
  const node = await freeAddress();
  await using _node = start("prometheus-node-exporter", [`--web.listen-address=${node}`]);
  await using prometheus = await Prometheus.start(system.folder, await freeAddress(), {
    ...Object.fromEntries(services.map((name) => [name, [metrics[name]!]])),
    recorded: [gpu.address],
    dcgm: [dcgm.address],
    node: [node],
  }, [rules]);
  const log: string[] = [];
  const supervisor = new Supervisor({ onLine: (name, line) => log.push(`${name} ${line}`) });
  const from = Date.now() / 1000;
  try {
    const given = {
      config: system.config,
      set: [
        ...serviceTls(tls),
        `telemetry.otlp_endpoint=${sink.url}`,
        "telemetry.export_interval_s=1",
        ...[`learner.listen=${learner}`, "learner.threads=1", "learner.metrics_listen=null"],
        `trainer.learners=${JSON.stringify([learner])}`,
      ],
    };
    await startAll([supervisor.start(serviceProgram("learner", given))]);
    await startServices(supervisor, given);
    await trainWithFaults(system, supervisor, tls, http);
    await sleep(2500);
    const traced = Date.now() / 1000;
    // From here on the collector is away: spans are lost, and counted.
    await sink.close();
    await getReward(http, tls);
    await sleep(8000);
    for (const { job, health, lastError } of await prometheus.targets()) {
      assert.equal(health, "up", `${job}: ${lastError}`);
    }
    for (const address of Object.values(metrics)) {
      const text = await (await fetch(`http://${address}/metrics`)).text();
      await promtool(["check", "metrics"], asPlainText(text));
    }
    // Spans that are lost are counted seconds later, and scraped after that.
    await eventually(() => checkPanels(prometheus, from, Date.now() / 1000));
    const traces = new Set(sink.spans.map(({ traceId }) => traceId));
    for (
      const metric of [
        "rpc_server_call_duration_seconds_bucket",
        "decorum_policy_first_token_seconds_bucket",
      ]
    ) {
      const named = await prometheus.exemplarTraces(metric, from, traced);
      assert.ok(named.length > 0, `no exemplars of ${metric}`);
      const unknown = named.filter((id) => !traces.has(id));
      assert.ok(
        unknown.length < named.length / 10,
        `${unknown.length} of ${named.length} are of no trace`,
      );
    }
  } catch (error) {
    console.error(log.slice(-40).join("\n"));
    throw error;
  } finally {
    await supervisor.stop();
  }
});

/** Tries again for a minute. */
async function eventually(check: () => Promise<void>): Promise<void> {
  const end = Date.now() + 60_000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(2000);
    }
  }
}

/**
 * OpenMetrics as the older text format, which is all that promtool's lint reads: without exemplars, and with
 * the names of counters whole. (Prometheus itself reads what the services write.)
 */
function asPlainText(text: string): string {
  const counters = [...text.matchAll(/^# TYPE (\S+) counter$/gm)].map(([, name]) => name!);
  return text.replaceAll(/^([^#\n].*?) # \{.*$/gm, "$1").replace("# EOF\n", "")
    .replaceAll(
      /^# (HELP|TYPE|UNIT) (\S+)(.*)$/gm,
      (line, what: string, name: string, rest: string) =>
        what === "UNIT"
          ? "#"
          : counters.includes(name) && !name.endsWith("_total")
          ? `# ${what} ${name}_total${rest}`
          : line,
    );
}

function settings(metrics: Readonly<Record<string, string>>, http: string) {
  const listen = (name: string) => ({ metrics_listen: metrics[name] });
  return {
    policy: listen("policy"),
    reward: {
      ...listen("reward"),
      http_listen: http,
      label: "nothate",
      // Small, so that it overflows.
      limits: { max_queue_items: 64, max_queue_tokens: 32_768 },
    },
    evaluator: listen("evaluator"),
    trainer: {
      ...listen("trainer"),
      ppo: {
        // More than there is time for: the test ends the run.
        steps: 10_000,
        batch_size: 8,
        mini_batch_size: 4,
        ppo_epochs: 2,
        learning_rate: 0.0003,
        max_new_tokens: 12,
        // So small that epochs end early: updates that are left out.
        target_kl: 1e-7,
      },
      evaluate: { every_steps: 6, prompts: 8 },
      // Two terms, so that their panels have data.
      reward_label: null,
      rewards: [
        { name: "civil", kind: "classifier", label: "nothate" },
        { name: "content", kind: "rouge", weight: 0.5 },
      ],
    },
    telemetry: { log_format: "json" },
  };
}

/** A run of some steps with what can go wrong: a policy killed, calls denied, refused, too many. */
async function trainWithFaults(
  { addresses }: System,
  supervisor: Supervisor,
  tls: string,
  http: string,
): Promise<void> {
  const as = (who: Holder) =>
    callSecurity({
      client_tls: { ...certificateFiles(tls, who), verify: "identity" },
      trust_domain: "decorum",
      token_file: null,
      insecure: false,
    }, who);
  using trainer = createClient(trainerService, {
    address: addresses.trainer,
    ...as("operator")("trainer"),
  });
  await trainer.startRun({ runId: "seen" });
  using policy = createClient(policyService, {
    address: addresses.policy,
    ...as("trainer")("policy"),
  });
  using evaluator = createClient(policyService, {
    address: addresses.policy,
    ...as("evaluator")("policy"),
  });
  const push = { runId: "other", baseModelHash: "0".repeat(64), expectedVersion: 0 };
  await assert.rejects(policy.beginWeights(push));
  await assert.rejects(evaluator.beginWeights(push), /PERMISSION_DENIED|may not/);
  using stranger = createClient(rewardAdminService, {
    address: addresses.reward,
    ...as("evaluator")("reward"),
  });
  // The policy is killed below, and its counters with it.
  await assert.rejects(stranger.reloadModel({}), /PERMISSION_DENIED|may not/);
  using reward = createClient(rewardService, {
    address: addresses.reward,
    ...as("client")("reward"),
  });
  const items = Array.from({ length: 32 }, (_, i) => ({ response: `you are right ${i}` }));
  const calls = await Promise.allSettled(
    Array.from({ length: 40 }, () => reward.score({ items })),
  );
  assert.ok(calls.some(({ status }) => status === "rejected"), "nothing overflowed");
  using admin = createClient(rewardAdminService, {
    address: addresses.reward,
    ...as("operator")("reward"),
  });
  await admin.reloadModel({});
  await getReward(http, tls);
  await steps(3000);
  process.kill(supervisor.pid("policy")!, "SIGKILL");
  await steps(4000);
  await trainer.stop({ runId: "seen" });

  /** Waits for some steps from now, and at least some milliseconds: for Prometheus to see them grow. */
  async function steps(ms: number): Promise<void> {
    const until = performance.now() + ms;
    let seen = 0;
    for await (const { step, state } of trainer.watchMetrics({ runId: "seen" })) {
      if (step > 0 && ++seen >= 6 && performance.now() > until) return;
      assert.ok(state === "RUN_STATE_RUNNING" || state === "RUN_STATE_STARTING", state);
    }
    assert.fail("the run ended by itself");
  }
}

function getReward(address: string, tls: string): Promise<void> {
  const { ca, cert, key } = certificateFiles(tls, "client");
  const read = (file: string) => readFileSync(file);
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ query: ["well done"], prompts: ["?"], labels: [""] });
    request(`https://${address}/get_reward`, {
      method: "POST",
      headers: { "content-type": "application/json", "content-length": body.length },
      ca: read(ca),
      cert: read(cert),
      key: read(key),
      checkServerIdentity: () => undefined,
    }, (response) => {
      response.resume().once("end", () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`/get_reward answered ${response.statusCode}`));
      });
    }).once("error", reject).end(body);
  });
}

/** Asks for what every panel draws, and draws it. */
async function checkPanels(prometheus: Prometheus, from: number, to: number): Promise<void> {
  const empty: string[] = [];
  const pictures = join(root, "out", "dashboards");
  mkdirSync(pictures, { recursive: true });
  for (const spec of dashboards) {
    const data = new Map<PanelSpec, Line[]>();
    for (const row of spec.rows) {
      for (const panel of row.panels) {
        const name = `${spec.uid}: ${row.title}: ${panel.title}`;
        const exception = exceptions[name];
        if (panel.kind === "logs" || panel.kind === "traces") {
          assert.equal(exception, "structure", `${name} is not in exceptions.ts`);
          continue;
        }
        // What a recorded exporter answers has a job of its own.
        const job = [...services, "recorded"].join("|");
        const values = { run: "seen", job, instance: ".*", node: ".*" };
        const found = await Promise.all(
          panel.queries.map(({ expr, legend }) =>
            prometheus.range(substituted(expr, values, "10s"), legend, from, to)
          ),
        );
        data.set(panel, found.flat());
        for (const [i, lines] of found.entries()) {
          const some = lines.some(({ points }) => points.some(([, y]) => Number.isFinite(y)));
          if (!some) empty.push(`${name}: ${panel.queries[i]!.legend}`);
        }
      }
    }
    const png = await drawDashboard(spec, (panel) => data.get(panel));
    writeFileSync(join(pictures, `${spec.uid}.png`), png);
  }
  assert.deepEqual(empty, [], "panels without data");
}
