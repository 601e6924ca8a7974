import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { parse, parseAllDocuments } from "yaml";
import { loadService, sectionsOf, type ServiceName } from "@decorum/settings";
import { base, kustomizeBase } from "../../tools/chart/generated.ts";
import { chart, clusterTools } from "../../tools/chart/helm.ts";
import { jobsOf, lint, type Manifest, ofKind, render, renderText, valueSets } from "./chart.ts";
import { runPythonWithInput } from "./run_python.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Everything that is off by default, switched on. */
const everything = {
  tls: { mode: "cert-manager", issuer: { name: "ca", kind: "ClusterIssuer" } },
  telemetry: { otlp_endpoint: "http://otel:4318" },
  models: {
    endpoint: "https://hub.example",
    tokenSecret: { name: "hub", key: "token" },
    sha256: { "t5/model.safetensors": "0".repeat(64) },
  },
  image: { digest: `sha256:${"1".repeat(64)}`, pullSecrets: ["registry"] },
  networkPolicy: {
    clients: { reward: [{ namespaceSelector: { matchLabels: { team: "a" } } }] },
    otlp: [{ ipBlock: { cidr: "10.1.2.3/32" } }],
  },
  monitoring: {
    serviceMonitor: { enabled: true, labels: { release: "prometheus" } },
    prometheusRule: { enabled: true },
    dashboards: { enabled: true, annotations: { folder: "Decorum" } },
  },
  policy: {
    nodeSelector: { pool: "gpu" },
    tolerations: [{ key: "nvidia.com/gpu", operator: "Exists" }],
    affinity: { nodeAffinity: {} },
    priorityClassName: "high",
    runtimeClassName: "nvidia",
    podAnnotations: { a: "b" },
    podLabels: { c: "d" },
    env: { HTTPS_PROXY: "http://proxy:3128" },
  },
  reward: { tokensSecret: "tokens", http: { enabled: true }, autoscaling: { enabled: true } },
  learner: { replicas: 2, gpus: 1, tokensSecret: "tokens", config: { drain_delay_s: 1 } },
  trainer: {
    kueue: { queue: "batch", priorityClass: "low", topology: { required: "rack" } },
    ui: { enabled: true, tokensSecret: "ui" },
    activeDeadlineSeconds: 3600,
    ttlSecondsAfterFinished: 60,
    storage: { storageClassName: "fast" },
  },
};
const nothing = {
  networkPolicy: { enabled: false },
  policy: { podDisruptionBudget: { enabled: false }, spreadOver: "" },
  trainer: { run: "" },
};
const sets: readonly (readonly [string, readonly string[], object])[] = [
  ...Object.entries(valueSets).map(([name, files]) => [name, files, {}] as const),
  ["everything on", ["values-gpu.yaml"], everything],
  ["everything on, no learners", ["values-gpu.yaml"], {
    ...everything,
    learner: {},
    trainer: { ...everything.trainer, kueue: { queue: "batch" } },
  }],
  ["everything off", ["values-cpu.yaml"], nothing],
];

Deno.test("chart: helm lint --strict finds nothing for any of the value files", async () => {
  for (const files of Object.values(valueSets)) {
    assert.match(await lint(files), /1 chart\(s\) linted, 0 chart\(s\) failed/);
  }
});

Deno.test("chart: the kustomize base is what the chart makes today: else `deno task chart`", async () => {
  const files = await kustomizeBase();
  for (const [path, text] of files) {
    assert.equal(
      existsSync(join(root, path)) && readFileSync(join(root, path), "utf8"),
      text,
      path,
    );
  }
  const names = [...files.keys()].map((path) => path.slice(base.length + 1));
  assert.deepEqual(readdirSync(join(root, base)).sort(), names.sort(), "and no others");
});

Deno.test("chart: Helm refuses what the schema refuses", async () => {
  for (
    const bad of [{ trainer: { runn: "a" } }, { policy: { config: { limits: { max_promts: 1 } } } }]
  ) {
    await assert.rejects(render([], bad), /additional properties '(runn|max_promts)' not allowed/);
  }
  await assert.rejects(render([], { trainer: { run: "a" } }), /missing property 'data'/);
  await assert.rejects(
    render(["values-gpu.yaml"], { learner: { replicas: 2 } }),
    /at '\/learner\/gpus': minimum: got 0, want 1/,
  );
});

Deno.test("chart: every service's configuration is one that the service starts with", async () => {
  for (const [name, files, values] of sets) {
    const maps = ofKind(await render(files, values), "ConfigMap")
      .filter(({ data }) => data!["config.yaml"] !== undefined);
    const learners = name.startsWith("learners") || name === "everything on";
    const without = name === "defaults" || name === "everything off";
    assert.equal(maps.length, learners ? 5 : without ? 3 : 4, name);
    for (const { metadata, data } of maps) {
      const service = metadata.labels!["app.kubernetes.io/component"] as ServiceName;
      const text = data!["config.yaml"]!;
      assert.deepEqual(Object.keys(parse(text)).sort(), [...sectionsOf[service]].sort());
      const folder = mkdtempSync(join(tmpdir(), "decorum-chart-"));
      const file = join(folder, "config.yaml");
      writeFileSync(file, text);
      loadService(service, { file });
      rmSync(folder, { recursive: true });
    }
  }
});

Deno.test("chart: settings of the values reach the services, null included; threads are the CPUs", async () => {
  const manifests = await render(["values-gpu.yaml"], {
    trainer: { config: { ppo: { max_grad_norm: null, lam: 0.9 } } },
    policy: { resources: { requests: { cpu: "2500m" } } },
    reward: { config: { threads: 3 } },
  });
  const configMap = (service: string) => {
    const map = ofKind(manifests, "ConfigMap").find(({ metadata }) =>
      metadata.name === `demo-decorum-${service}`
    );
    return parse(map!.data!["config.yaml"]!);
  };
  const config = (service: string) => configMap(service)[service];
  assert.equal(config("trainer").ppo.max_grad_norm, null);
  assert.equal(config("trainer").ppo.lam, 0.9);
  assert.deepEqual(
    ["policy", "trainer"].map((name) => configMap(name).model.name_or_path),
    ["google/flan-t5-base", "google/flan-t5-base"],
  );
  assert.deepEqual(
    ["policy", "reward", "evaluator", "trainer"].map((name) => config(name).threads),
    [
      2,
      3,
      2,
      4,
    ],
  );
  assert.deepEqual(["policy", "reward", "trainer"].map((name) => config(name).provider), [
    "cuda",
    "cpu",
    "cuda",
  ]);
});

Deno.test("chart: kubectl's typed round trip knows every field", async () => {
  const { kubectl } = clusterTools();
  const files = valueSets["gpu in production"]!;
  const text = await renderText(files, everything);
  const native = parseAllDocuments(text).map((one) => one.toJS() as Manifest | null)
    .filter((one) => one !== null).flatMap((one) => one.kind === "JobSet" ? jobsOf(one) : [one])
    .filter(({ kind }) => kind === "Deployment" || kind === "Job");
  const args = ["set", "env", "--local", "-f", "-", "-o", "json", "ROUND=trip", "--all"];
  for (const manifest of native) {
    const output = execFileSync(kubectl, args.filter((arg) => arg !== "--all"), {
      input: JSON.stringify(manifest),
      env: { ...process.env, KUBECONFIG: "/dev/null" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    assert.deepEqual(lost(manifest, JSON.parse(output.toString())), [], manifest.metadata.name);
  }
});

Deno.test("chart: kustomize builds the base", () => {
  const output = execFileSync(clusterTools().kubectl, ["kustomize", join(root, base)]).toString();
  const kinds = parseAllDocuments(output).map((one) => (one.toJS() as Manifest).kind);
  assert.equal(kinds.filter((kind) => kind === "Deployment").length, 3);
  assert.ok(!output.includes("Helm") && !output.includes("helm.sh/chart"));
});

Deno.test("chart: schemas of Kubernetes 1.35 and of the operators accept every manifest", async () => {
  const texts = await Promise.all(sets.map(([, files, values]) => renderText(files, values)));
  // A part of a set is a Job for Kubernetes.
  for (const set of ofKind(await render(["values-gpu.yaml"], everything), "JobSet")) {
    texts.push(...jobsOf(set).map((job) => JSON.stringify(job)));
  }
  const { checked, problems } = await runPythonWithInput(
    "manifests_check.py",
    texts.join("\n---\n"),
  ) as {
    checked: Record<string, number>;
    problems: string[];
  };
  assert.deepEqual(problems, []);
  for (const kind of ["Deployment", "Job", "JobSet", "Certificate", "ScaledObject"]) {
    assert.ok((checked[kind] ?? 0) > 0, kind);
  }
});

Deno.test("chart: the notes name the run and say what is plaintext", () => {
  const notes = readFileSync(join(chart, "templates", "NOTES.txt"), "utf8");
  assert.match(notes, /PLAINTEXT/);
  assert.match(notes, /doctor/);
});

/** Paths of a value that are not, or otherwise, in another. */
function lost(before: unknown, after: unknown, at = ""): string[] {
  if (Array.isArray(before) && Array.isArray(after)) {
    return before.flatMap((value, i) => lost(value, after[i], `${at}[${i}]`));
  }
  if (isObject(before) && isObject(after)) {
    return Object.entries(before).flatMap(([key, value]) =>
      // `set env` rewrites these.
      key === "env" ? [] : lost(value, after[key], `${at}.${key}`)
    );
  }
  // Quantities come back in their canonical form: 1000m as "1".
  const same = isDeepStrictEqual(before, after) || /resources\.|sizeLimit/.test(at);
  return same || (isObject(before) && Object.keys(before).length === 0) ? [] : [at];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
