import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse, parseAllDocuments } from "yaml";
import {
  jobProblems,
  type JobSet,
  jobSetProblems,
  longestPodName,
  queueObject,
  queueProblems,
} from "./admission.ts";
import {
  jobsOf,
  type JobSpec,
  type Manifest,
  ofKind,
  render,
  selects,
  valueSets,
  workloads,
} from "./chart.ts";

const files = valueSets["learners in production"]!;
const setOf = (manifests: readonly Manifest[]) => ofKind(manifests, "JobSet")[0]! as JobSet;
const set = setOf(await render(files));
const named = (name: string, one = set) =>
  one.spec.replicatedJobs.find((job) => job.name === name)!.template.spec;

/** A copy of a set with something changed. */
function but(change: (copy: JobSet) => void): JobSet {
  const copy = structuredClone(set);
  change(copy);
  return copy;
}
/** Writes a value deep inside. */
function put(at: object, path: string, value: unknown): void {
  const keys = path.split(".");
  const last = keys.pop()!;
  const inner = keys.reduce<unknown>((one, key) => (one as Record<string, unknown>)[key], at);
  (inner as Record<string, unknown>)[last] = value;
}

Deno.test("learners: trainer and learners are one JobSet, and there is no Job; without learners the other way round", async () => {
  const kinds = async (values: object) =>
    (await render(files, values)).map(({ kind }) => kind).filter((kind) => /^Job/.test(kind));
  assert.deepEqual(await kinds({}), ["JobSet"]);
  const alone = { learner: { replicas: 0 }, trainer: { kueue: { topology: { preferred: "" } } } };
  assert.deepEqual(await kinds(alone), ["Job"]);
  assert.deepEqual(
    set.spec.replicatedJobs.map(({ name, replicas, template: { spec } }) => [
      ...[name, replicas, spec.completions, spec.parallelism, spec.completionMode],
    ]),
    [["trainer", 1, 1, 1, "Indexed"], ["learners", 1, 4, 4, "Indexed"]],
  );
});

Deno.test("learners: the trainer's success ends the set; wrong settings and too many failures fail it; nothing orders the start", () => {
  const { successPolicy, failurePolicy, replicatedJobs } = set.spec;
  assert.deepEqual(successPolicy, { operator: "All", targetReplicatedJobs: ["trainer"] });
  const action = (reason: string) =>
    failurePolicy!.rules!.find(({ onJobFailureReasons }) => onJobFailureReasons!.includes(reason))!
      .action;
  for (const reason of ["PodFailurePolicy", "BackoffLimitExceeded", "DeadlineExceeded"]) {
    assert.equal(action(reason), "FailJobSet", reason);
  }
  assert.ok(replicatedJobs.every(({ dependsOn }) => dependsOn === undefined));
  assert.ok(!("startupPolicy" in set.spec) && !("suspend" in set.spec), "the latter is Kueue's");
});

Deno.test("learners: each Job makes a lost pod good, gives up on exit code 2 and does not count 75", async () => {
  for (const [job, service] of [["trainer", "trainer"], ["learners", "learner"]] as const) {
    const { podFailurePolicy, template, podReplacementPolicy } = named(job);
    assert.deepEqual(
      podFailurePolicy.rules.map(({ action, onExitCodes }) => [
        ...[action, onExitCodes?.containerName, onExitCodes?.values[0]],
      ]),
      [["FailJob", service, 2], ["Ignore", service, 75], ["Ignore", undefined, undefined]],
    );
    assert.equal(template.spec.restartPolicy, "Never");
    assert.equal(podReplacementPolicy, "Failed");
  }
  const values = { learner: { backoffLimit: 3 }, trainer: { backoffLimit: 1 } };
  const other = setOf(await render(files, values));
  assert.deepEqual(
    [named("learners", other), named("trainer", other)].map((one) => one.backoffLimit),
    [
      3,
      1,
    ],
  );
});

Deno.test("learners: the trainer calls the set's network by one name, which stands for the learners and nobody else", async () => {
  const manifests = await render(files);
  const config = (service: string) =>
    parse(
      ofKind(manifests, "ConfigMap").find(({ metadata }) =>
        metadata.name === `demo-decorum-${service}`
      )!.data!["config.yaml"]!,
    );
  const { network } = set.spec;
  assert.deepEqual(network, {
    enableDNSHostnames: true,
    publishNotReadyAddresses: true,
    subdomain: "demo-decorum-learner",
  });
  assert.deepEqual(config("trainer").trainer.learners, [`${network!.subdomain}.rlhf.svc:50051`]);
  // JobSet makes a Service for its network only where there is none of that name (createHeadlessSvcIfNecessary);
  // its own would stand for the trainer too.
  const { spec } = ofKind(manifests, "Service").find(({ metadata }) =>
    metadata.name === network!.subdomain
  )!;
  assert.equal(spec.clusterIP, "None");
  assert.equal(spec.publishNotReadyAddresses, true);
  const behind = [...workloads(manifests)].filter(([, one]) =>
    selects(spec.selector as Record<string, string>, one.spec.template!.metadata.labels)
  ).map(([component]) => component);
  assert.deepEqual(behind, ["learner"]);
});

Deno.test("learners: they compute as the trainer does: model, provider and threads are the same", async () => {
  const sections = async (values: object) => {
    const manifests = await render(files, values);
    return ["trainer", "learner"].map((service) => {
      const map = ofKind(manifests, "ConfigMap").find(({ metadata }) =>
        metadata.name === `demo-decorum-${service}`
      )!;
      const { model, [service]: section } = parse(map.data!["config.yaml"]!);
      return [model.name_or_path, model.precision, section.provider, section.threads];
    });
  };
  const [trainer, learner] = await sections({});
  assert.deepEqual(trainer, ["google/flan-t5-base", "bf16", "cuda", 4]);
  assert.deepEqual(learner, trainer);
  const [three, too] = await sections({
    trainer: { config: { threads: 3 } },
    learner: { resources: { limits: { cpu: 8 } } },
  });
  assert.equal(three![3], 3);
  assert.deepEqual(too, three);
});

Deno.test("learners: the set's name changes with what cannot change in it, and with nothing else", async () => {
  const name = async (values: object) => setOf(await render(files, values)).metadata.name;
  for (
    const changes of [
      { trainer: { config: { ppo: { steps: 101 } } } },
      { learner: { replicas: 5 } },
      { learner: { backoffLimit: 1 } },
      { image: { tag: "0.1.1" } },
      { trainer: { kueue: { queue: "other" } } },
      { trainer: { kueue: { topology: { preferred: "topology.kubernetes.io/zone" } } } },
    ]
  ) assert.notEqual(await name(changes), set.metadata.name, JSON.stringify(changes));
  for (
    const changes of [
      { policy: { replicas: 5 } },
      { trainer: { kueue: { priorityClass: "production" } } },
      { trainer: { ttlSecondsAfterFinished: 60 } },
    ]
  ) assert.equal(await name(changes), set.metadata.name, JSON.stringify(changes));
});

Deno.test("learners: JobSet and Kubernetes would accept the set, whatever the release is called", async () => {
  assert.deepEqual(jobSetProblems(set), []);
  for (const job of jobsOf(set as Manifest)) {
    assert.deepEqual(jobProblems(job.spec as unknown as JobSpec), []);
  }
  for (const fullnameOverride of ["a".repeat(60), `${"b".repeat(32)}-${"c".repeat(20)}`]) {
    const long = setOf(await render(files, { fullnameOverride, learner: { replicas: 1000 } }));
    assert.deepEqual(jobSetProblems(long), []);
    const longest = Math.max(
      ...long.spec.replicatedJobs.map((job) => longestPodName(long.metadata.name, job).length),
    );
    assert.ok(longest >= 62, `${longest} of 63 characters are used`);
  }
});

const refusedSets: readonly (readonly [why: RegExp, change: (copy: JobSet) => void])[] = [
  [/no good name/, (one) => put(one, "metadata.name", "1-set")],
  [/pod .* no good name/, (one) => put(one, "metadata.name", "s".repeat(50))],
  [/Service/, (one) => put(one, "spec.network.subdomain", "a.b")],
  [
    /depends on a later/,
    (one) => put(one, "spec.replicatedJobs.0.dependsOn", [{ name: "learners" }]),
  ],
  [/exclude/, (one) => {
    put(one, "spec.startupPolicy", { startupPolicyOrder: "InOrder" });
    put(one, "spec.replicatedJobs.1.dependsOn", [{ name: "trainer" }]);
  }],
  [/unknown job/, (one) => put(one, "spec.successPolicy.targetReplicatedJobs", ["learner"])],
  [/no name of a rule/, (one) => put(one, "spec.failurePolicy.rules.0.name", "wrong-settings")],
  [/one name/, (one) => put(one, "spec.failurePolicy.rules.1.name", "wrong_settings")],
  [/reason/, (one) => put(one, "spec.failurePolicy.rules.0.onJobFailureReasons", ["Exit2"])],
  [/RestartJob/, (one) => put(one, "spec.failurePolicy.rules.0.action", "RestartJob")],
  [
    /restartPolicy/,
    (one) =>
      put(one, "spec.replicatedJobs.1.template.spec.template.spec.restartPolicy", "OnFailure"),
  ],
  [
    /podReplacementPolicy/,
    (one) =>
      put(one, "spec.replicatedJobs.1.template.spec.podReplacementPolicy", "TerminatingOrFailed"),
  ],
  [
    /no container/,
    (one) =>
      put(one, "spec.replicatedJobs.0.template.spec.template.spec.containers.0.name", "main"),
  ],
];
const annotations = "spec.replicatedJobs.0.template.spec.template.metadata.annotations";
const refusedByKueue: readonly (readonly [why: RegExp, change: (copy: JobSet) => void])[] = [
  [/queue-name/, (one) => put(one, "metadata.labels", { "kueue.x-k8s.io/queue-name": "My Queue" })],
  [/not two members/, (one) => put(one, annotations, {})],
  [/two topologies/, (one) =>
    put(one, annotations, {
      "kueue.x-k8s.io/podset-required-topology": "rack",
      "kueue.x-k8s.io/podset-group-name": "run",
    })],
  [
    /without a topology/,
    (one) => put(one, annotations, { "kueue.x-k8s.io/podset-group-name": "run" }),
  ],
  [/no member of run is one pod/, (one) => put(one, "spec.replicatedJobs.0.replicas", 2)],
];

Deno.test("learners: the rules restated here find sets that JobSet, Kubernetes or Kueue refuse", () => {
  for (const [why, change] of refusedSets) {
    assert.match(jobSetProblems(but(change)).join("\n"), why);
  }
  for (const [why, change] of refusedByKueue) {
    assert.match(queueProblems(but(change)).join("\n"), why);
  }
});

Deno.test("learners: Kueue would take the set: its queue, its priority, and one domain for all", async () => {
  assert.equal(set.metadata.labels!["kueue.x-k8s.io/queue-name"], "decorum");
  assert.deepEqual(queueProblems(set), []);
  const values = {
    trainer: {
      kueue: { priorityClass: "production", topology: { required: "rack", preferred: "" } },
    },
  };
  const other = setOf(await render(files, values));
  assert.deepEqual(queueProblems(other), []);
  assert.equal(other.metadata.labels!["kueue.x-k8s.io/priority-class"], "production");
  for (const { template } of other.spec.replicatedJobs) {
    const found = Object.entries(template.spec.template.metadata.annotations)
      .filter(([name]) => name.startsWith("kueue"));
    assert.deepEqual(found, [
      ["kueue.x-k8s.io/podset-required-topology", "rack"],
      ["kueue.x-k8s.io/podset-group-name", "run"],
    ]);
  }
});

const example = parseAllDocuments(
  readFileSync(new URL("../../deploy/kueue/example.yaml", import.meta.url), "utf8"),
).map((one) => one.toJS() as unknown);

Deno.test("learners: the example queue is valid, its parts fit together, and values-learners.yaml fits into it", () => {
  const objects = example.map((one) => queueObject.parse(one));
  const find = <K extends typeof objects[number]["kind"]>(kind: K) => {
    const [found, ...more] = objects.filter((one) => one.kind === kind);
    assert.equal(more.length, 0);
    return found as Extract<typeof objects[number], { kind: K }>;
  };
  const { spec: queue, metadata } = find("ClusterQueue");
  const local = find("LocalQueue");
  const flavor = find("ResourceFlavor");
  assert.equal(local.spec.clusterQueue, metadata.name);
  assert.equal(local.metadata.name, set.metadata.labels!["kueue.x-k8s.io/queue-name"]);
  assert.equal(
    queue.namespaceSelector.matchLabels["kubernetes.io/metadata.name"],
    local.metadata.namespace,
  );
  const [{ coveredResources, flavors: [quotas] }] = queue.resourceGroups as [
    typeof queue.resourceGroups[number] & { flavors: [{ name: string; resources: Quota[] }] },
  ];
  assert.equal(quotas.name, flavor.metadata.name);
  assert.equal(flavor.spec.topologyName, find("Topology").metadata.name);
  const { annotations } = named("trainer").template.metadata;
  const level = annotations["kueue.x-k8s.io/podset-preferred-topology"]!;
  assert.ok(find("Topology").spec.levels.some(({ nodeLabel }) => nodeLabel === level), level);
  for (const [resource, wanted] of requested()) {
    assert.ok(coveredResources.includes(resource), `${resource} is not covered`);
    const { nominalQuota } = quotas.resources.find(({ name }) => name === resource)!;
    assert.ok(wanted <= amount(nominalQuota), `${resource}: ${wanted} of ${nominalQuota}`);
  }
});

interface Quota {
  readonly name: string;
  readonly nominalQuota: string | number;
}

/** What the pods of the set request; a limit without a request is one. */
function requested(): Map<string, number> {
  const all = new Map<string, number>();
  for (const { template: { spec } } of set.spec.replicatedJobs) {
    const { requests, limits } = spec.template.spec.containers[0].resources;
    for (const [name, value] of Object.entries({ ...limits, ...requests })) {
      all.set(name, (all.get(name) ?? 0) + spec.completions * amount(value as string | number));
    }
  }
  assert.equal(all.get("nvidia.com/gpu"), 5);
  return all;
}

function amount(quantity: string | number): number {
  const units: Record<string, number> = { "": 1, m: 1e-3, Mi: 2 ** 20, Gi: 2 ** 30 };
  const [, digits, unit] = /^([\d.]+)(\w*)$/.exec(String(quantity))!;
  return Number(digits) * units[unit!]!;
}

Deno.test("learners: the rules restated here find objects that Kueue refuses", () => {
  const refused: readonly (readonly [kind: string, path: string, value: unknown])[] = [
    ["Topology", "spec.levels", []],
    ["Topology", "spec.levels", [{ nodeLabel: "kubernetes.io/hostname" }, { nodeLabel: "rack" }]],
    ["Topology", "spec.levels", [{ nodeLabel: "rack" }, { nodeLabel: "rack" }]],
    ["ResourceFlavor", "spec.nodeLabels", {}],
    ["ClusterQueue", "spec.resourceGroups.0.coveredResources", ["memory", "cpu"]],
    ["ClusterQueue", "spec.preemption.withinClusterQueue", "Always"],
    ["ClusterQueue", "spec.cohort", "all"],
    ["LocalQueue", "spec.clusterQueue", "My Queue"],
    ["WorkloadPriorityClass", "value", "high"],
  ];
  for (const [kind, path, value] of refused) {
    const copy = structuredClone(example.find((one) => (one as Manifest).kind === kind)!) as object;
    assert.ok(queueObject.safeParse(copy).success);
    put(copy, path, value);
    assert.ok(!queueObject.safeParse(copy).success, `${kind} ${path}`);
  }
});
