import assert from "node:assert/strict";
import { parse } from "yaml";
import {
  type Container,
  type JobSpec,
  type Labels,
  type Manifest,
  ofKind,
  type Peer,
  type PodSpec,
  render,
  selects,
  valueSets,
  workloads,
} from "./chart.ts";

const extras = {
  tls: { mode: "secret" },
  models: { sha256: { "t5/model.safetensors": "0".repeat(64) } },
  reward: { http: { enabled: true }, tokensSecret: "tokens" },
  trainer: { ui: { enabled: true, tokensSecret: "ui" } },
};

/** Every value set with a trainer, and with everything that adds to a pod. */
const sets = Object.entries(valueSets).filter(([name]) => name !== "defaults");
const componentsOf = (set: string) => [
  ...["evaluator", ...set.startsWith("learners") ? ["learner"] : []],
  ...["policy", "reward", "trainer"],
];

async function forEachPod(
  check: (pod: PodSpec, labels: Labels, workload: Manifest) => void,
): Promise<void> {
  for (const [name, files] of sets) {
    for (const values of [{}, extras]) {
      const found = workloads(await render(files, values));
      assert.deepEqual([...found.keys()].sort(), componentsOf(name), name);
      for (const workload of found.values()) {
        const { spec, metadata } = workload.spec.template!;
        check(spec, metadata.labels, workload);
      }
    }
  }
}

const containers = (pod: PodSpec): Container[] => [...pod.initContainers ?? [], ...pod.containers];

Deno.test("pods: the restricted profile, a read-only root, no token of the API", async () => {
  await forEachPod((pod) => {
    const { runAsNonRoot, runAsUser, seccompProfile } = pod.securityContext;
    assert.equal(runAsNonRoot, true);
    assert.ok(Number(runAsUser) > 0);
    assert.deepEqual(seccompProfile, { type: "RuntimeDefault" });
    assert.equal(pod.automountServiceAccountToken, false);
    assert.equal(pod.enableServiceLinks, false);
    for (const key of ["hostNetwork", "hostPID", "hostIPC"]) assert.ok(!(key in pod), key);
    for (const { name, securityContext } of containers(pod)) {
      const expected = {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      };
      assert.deepEqual(securityContext, expected, name);
    }
    const allowed = ["configMap", "emptyDir", "secret", "persistentVolumeClaim"];
    for (const { name, ...source } of pod.volumes) {
      assert.ok(Object.keys(source).every((kind) => allowed.includes(kind)), name);
    }
  });
});

Deno.test("pods: mounts have volumes, volumes are mounted, and only the trainer and the fetchers may write", async () => {
  await forEachPod((pod, labels) => {
    const volumes = pod.volumes.map(({ name }) => name);
    const mounted = containers(pod).flatMap(({ volumeMounts }) =>
      volumeMounts.map(({ name }) => name)
    );
    assert.deepEqual([...new Set(mounted)].sort(), volumes.sort());
    const writable = pod.containers[0].volumeMounts.filter(({ readOnly }) => readOnly !== true)
      .map(({ mountPath }) => mountPath);
    const trainer = labels["app.kubernetes.io/component"] === "trainer";
    assert.deepEqual(writable, trainer ? ["/tmp", "/runs"] : ["/tmp"]);
  });
});

Deno.test("pods: requests, limits and GPUs; images have a version, never latest", async () => {
  await forEachPod((pod, labels) => {
    for (const { name, resources, image } of containers(pod)) {
      for (const kind of ["cpu", "memory", "ephemeral-storage"]) {
        assert.ok(kind in resources.requests!, `${name} requests no ${kind}`);
      }
      assert.ok("memory" in resources.limits!, name);
      assert.match(image, /^decorum:0\.1\.0-(cpu|cuda)(@sha256:[0-9a-f]{64})?$/);
      assert.equal(
        image.includes("-cuda"),
        "nvidia.com/gpu" in pod.containers[0].resources.limits!,
      );
    }
    assert.ok(labels["app.kubernetes.io/name"] === "decorum");
  });
  const gpu = workloads(await render(valueSets["learners in production"]!));
  const gpus = [...gpu].map(([name, { spec }]) => [
    ...[name, spec.template!.spec.containers[0].resources.limits!["nvidia.com/gpu"]],
  ]);
  const none = undefined;
  assert.deepEqual(Object.fromEntries(gpus), {
    ...{ policy: 1, reward: none, evaluator: none, trainer: 1, learner: 1 },
  });
});

Deno.test("pods: gRPC probes on the health port, which the container has; time for the drain", async () => {
  await forEachPod((pod) => {
    const [main] = pod.containers;
    const health = main.ports!.find(({ name }) => name === "health")!.containerPort;
    for (const probe of [main.startupProbe, main.readinessProbe, main.livenessProbe]) {
      assert.equal(probe?.grpc?.port, health);
    }
    assert.ok(pod.terminationGracePeriodSeconds > 30);
    assert.ok(
      main.args!.join(" ").startsWith(`serve ${main.name} --config /etc/decorum/config.yaml`),
    );
  });
});

Deno.test("selectors: every Deployment, Service, budget and policy selects its pods and no others", async () => {
  const manifests = await render(valueSets["learners in production"]!, extras);
  const pods = [...workloads(manifests)].map(([component, { spec }]) => ({
    component,
    labels: spec.template!.metadata.labels,
    ports: spec.template!.spec.containers[0].ports!,
  }));
  const chosen = (selector: Labels) =>
    pods.filter(({ labels }) => selects(selector, labels)).map(({ component }) => component);
  for (const { kind, metadata, spec } of manifests) {
    const own = metadata.labels?.["app.kubernetes.io/component"];
    const selector = kind === "Service"
      ? spec.selector as Labels
      : spec?.selector?.matchLabels ?? spec?.podSelector?.matchLabels;
    if (selector === undefined) continue;
    const expected = own === undefined ? pods.map(({ component }) => component) : [own];
    const services = kind === "ServiceMonitor";
    assert.deepEqual(services ? expected : chosen(selector), expected, `${kind} ${metadata.name}`);
  }
  for (const service of ofKind(manifests, "Service")) {
    const { component, ports } = pods.find(({ component }) =>
      component === service.metadata.labels!["app.kubernetes.io/component"]
    )!;
    assert.equal(service.spec.clusterIP, "None", `${component} is headless`);
    for (const { name, targetPort, port } of service.spec.ports!) {
      assert.equal(ports.find((one) => one.name === targetPort)?.containerPort, port, name);
    }
  }
  for (const { component, labels } of pods) {
    const spread =
      workloads(manifests).get(component)!.spec.template!.spec.topologySpreadConstraints;
    // The trainer is one, and the learners of these values are wanted close together.
    if (["trainer", "learner"].includes(component)) continue;
    assert.ok(selects(spread![0]!.labelSelector.matchLabels, labels), component);
  }
});

/** Who is in the matrix: pods of the chart and of others. */
const others: Readonly<Record<string, { labels: Labels; namespace: Labels }>> = {
  prometheus: { labels: {}, namespace: { "kubernetes.io/metadata.name": "monitoring" } },
  dns: {
    labels: { "k8s-app": "kube-dns" },
    namespace: { "kubernetes.io/metadata.name": "kube-system" },
  },
  stranger: { labels: {}, namespace: { "kubernetes.io/metadata.name": "default" } },
};

/** Which connections NetworkPolicies allow, as "from > to:port", by the rules of Kubernetes. */
function reachable(manifests: readonly Manifest[], ports: readonly number[]): string[] {
  const here = { "kubernetes.io/metadata.name": "rlhf" };
  const ours = [...workloads(manifests)].map(([name, { spec }]) => ({
    name,
    labels: spec.template!.metadata.labels,
    namespace: here,
  }));
  const all = [...ours, ...Object.entries(others).map(([name, rest]) => ({ name, ...rest }))];
  type Node = typeof all[number];
  const policies = ofKind(manifests, "NetworkPolicy");
  const fits = (peer: Peer, node: Node) => {
    if (peer.ipBlock) return false;
    const spaces = peer.namespaceSelector?.matchLabels ?? here;
    return selects(spaces, node.namespace) &&
      selects(peer.podSelector?.matchLabels ?? {}, node.labels);
  };
  const allows = (direction: "Ingress" | "Egress", node: Node, other: Node, port: number) => {
    const about = policies.filter(({ spec }) =>
      node.namespace === here && spec.policyTypes!.includes(direction) &&
      selects(spec.podSelector!.matchLabels, node.labels)
    );
    if (about.length === 0) return true;
    return about.some(({ spec }) => {
      const rules = direction === "Ingress"
        ? (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }))
        : (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
      return rules.some(({ peers, ports }) =>
        ports.some((one) => one.port === port) && peers.some((peer) => fits(peer, other))
      );
    });
  };
  return all.flatMap((from) =>
    all.flatMap((to) =>
      ports.filter((port) =>
        from !== to && (from.namespace === here || to.namespace === here) &&
        allows("Egress", from, to, port) && allows("Ingress", to, from, port)
      ).map((port) => `${from.name} > ${to.name}:${port}`)
    )
  ).sort();
}

const ports = [53, 443, 8080, 9464, 50051, 50061];
const expected = (set: string) =>
  [
    ...componentsOf(set).flatMap((name) => [`${name} > dns:53`, `prometheus > ${name}:9464`]),
    ...componentsOf(set).filter((name) => name !== "trainer").map((name) =>
      `trainer > ${name}:50051`
    ),
    "evaluator > policy:50051",
  ].sort();

Deno.test("network: exactly the edges that the services need", async () => {
  for (const [name, files] of sets) {
    assert.deepEqual(reachable(await render(files), ports), expected(name), name);
  }
});

Deno.test("network: an evaluator reaches the reward where it measures terms of a reward", async () => {
  const terms = [{ name: "civil", kind: "classifier", service: "demo-decorum-reward:50051" }];
  const manifests = await render(valueSets["cpu"]!, { evaluator: { config: { rewards: terms } } });
  const added = reachable(manifests, ports).filter((edge) => !expected("cpu").includes(edge));
  assert.deepEqual(added, ["evaluator > reward:50051"]);
});

Deno.test("network: clients of the values come in, at the ports of their service alone", async () => {
  const strangers = [{ namespaceSelector: { matchLabels: others["stranger"]!.namespace } }];
  const manifests = await render(valueSets["cpu"]!, {
    ...extras,
    networkPolicy: { clients: { reward: strangers, trainer: strangers } },
  });
  const added = reachable(manifests, ports).filter((edge) => !expected("cpu").includes(edge));
  assert.deepEqual(added, [
    ...["stranger > reward:50051", "stranger > reward:8080"],
    ...["stranger > trainer:50051", "stranger > trainer:8080"],
  ]);
  const open = reachable(
    await render(valueSets["cpu"]!, { networkPolicy: { enabled: false } }),
    ports,
  );
  assert.ok(open.includes("stranger > policy:50051"), "the matrix sees what no policy stops");
});

Deno.test("trainer: a Job that continues after disruptions, gives up on bad settings, and changes its name with its pod", async () => {
  const job = async (values: object) =>
    workloads(await render(valueSets["cpu"]!, values)).get("trainer")!;
  const { metadata, ...rest } = await job({});
  const spec = rest.spec as unknown as JobSpec;
  const rules = spec.podFailurePolicy.rules.map(({ action, onExitCodes }) => [
    action,
    onExitCodes?.values[0],
  ]);
  assert.deepEqual(rules, [["FailJob", 2], ["Ignore", 75], ["Ignore", undefined]]);
  assert.equal(spec.template.spec.restartPolicy, "Never");
  assert.equal(spec.podReplacementPolicy, "Failed");
  assert.equal((await job({ policy: { replicas: 5 } })).metadata.name, metadata.name);
  assert.notEqual(
    (await job({ trainer: { config: { ppo: { steps: 51 } } } })).metadata.name,
    metadata.name,
  );
  const queued = await job({ trainer: { kueue: { queue: "batch", priorityClass: "low" } } });
  assert.equal(queued.metadata.labels!["kueue.x-k8s.io/queue-name"], "batch");
  assert.equal(queued.metadata.labels!["kueue.x-k8s.io/priority-class"], "low");
  const claims = ofKind(await render(valueSets["cpu"]!), "PersistentVolumeClaim");
  assert.deepEqual(claims.map(({ metadata }) => metadata.annotations), [{
    "helm.sh/resource-policy": "keep",
  }]);
});

Deno.test("certificates: one for each service, by its SPIFFE id, in the Secret that its pod mounts", async () => {
  const manifests = await render(valueSets["learners in production"]!);
  const certificates = ofKind(manifests, "Certificate");
  assert.equal(certificates.length, 5);
  for (const { metadata, spec } of certificates) {
    const component = metadata.labels!["app.kubernetes.io/component"]!;
    assert.deepEqual(spec.uris, [`spiffe://decorum/${component}`]);
    assert.ok(spec.dnsNames!.includes(`demo-decorum-${component}.rlhf.svc`));
    const pod = workloads(manifests).get(component)!.spec.template!.spec;
    const secret = pod.volumes.find(({ name }) => name === "tls")!["secret"]!["secretName"];
    assert.equal(secret, spec.secretName);
  }
});

Deno.test("page of runs: off, or over TLS on port 8080 with tokens of its own, under the trainer's names", async () => {
  const page = async (values: object) => {
    const manifests = await render(valueSets["cpu"]!, values);
    const maps = ofKind(manifests, "ConfigMap");
    const map = maps.find(({ metadata }) => metadata.name === "demo-decorum-trainer")!;
    const { spec } = workloads(manifests).get("trainer")!.spec.template!;
    return { config: parse(map.data!["config.yaml"]!).trainer, spec };
  };
  assert.ok(!("ui_listen" in (await page({})).config));
  const { config, spec } = await page({
    ...extras,
    trainer: { ...extras.trainer, config: { ui_names: ["runs.example"] } },
  });
  assert.equal(config.ui_listen, "0.0.0.0:8080");
  assert.equal(config.insecure, false);
  assert.deepEqual(config.ui_names, [
    ...["runs.example", "demo-decorum-trainer", "demo-decorum-trainer.rlhf.svc"],
  ]);
  const { mountPath } = spec.containers[0].volumeMounts.find(({ name }) => name === "ui-tokens")!;
  assert.equal(config.ui_tokens, `${mountPath}/tokens`);
  const { secret } = spec.volumes.find(({ name }) => name === "ui-tokens")!;
  assert.equal(secret!["secretName"], "ui");
});

Deno.test("scaling: KEDA owns the replicas that it scales, and asks for a metric there is", async () => {
  const manifests = await render(valueSets["cpu in production"]!);
  assert.equal(workloads(manifests).get("reward")!.spec.replicas, undefined);
  assert.equal(workloads(manifests).get("policy")!.spec.replicas, 2);
  const [scaled] = ofKind(manifests, "ScaledObject");
  const text = JSON.stringify(scaled);
  assert.match(text, /decorum_queue_depth/);
  assert.match(text, /"name":"demo-decorum-reward"/);
});
