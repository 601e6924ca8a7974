/**
 * What Kubernetes, JobSet and Kueue refuse beyond the types of their resources, restated. There is no cluster to ask.
 * Sources, by repository, commit and file:
 *
 * - jobset: kubernetes-sigs/jobset 08dfbdfd, api/jobset/v1alpha2/jobset_types.go (CEL), pkg/webhooks/jobset_webhook.go,
 *   pkg/util/placement/placement.go, pkg/features/features.go
 * - kueue: kubernetes-sigs/kueue ff69552e, pkg/controller/jobframework/{validation,tas_validation}.go,
 *   pkg/controller/jobs/jobset/jobset_controller.go, apis/kueue/v1beta2/*_types.go (CEL), pkg/webhooks/clusterqueue_webhook.go
 * - kubernetes: kubernetes/kubernetes v1.35, pkg/apis/batch/validation/validation.go
 */
import { z } from "zod";
import type { JobSpec, Labels } from "./chart.ts";

/** The part of a JobSet that the rules read. */
export interface JobSet {
  readonly metadata: { readonly name: string; readonly labels?: Labels };
  readonly spec: {
    readonly network?: { readonly subdomain?: string };
    readonly startupPolicy?: { readonly startupPolicyOrder: string };
    readonly successPolicy?: { readonly targetReplicatedJobs?: readonly string[] };
    readonly failurePolicy?: {
      readonly rules?: readonly {
        readonly name: string;
        readonly action: string;
        readonly onJobFailureReasons?: readonly string[];
        readonly targetReplicatedJobs?: readonly string[];
      }[];
    };
    readonly replicatedJobs: readonly {
      readonly name: string;
      readonly replicas: number;
      readonly dependsOn?: readonly { readonly name: string }[];
      readonly template: { readonly spec: JobSpec };
    }[];
  };
}

const dns1123 = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
/** A label of RFC 1035, as names of Services and, for JobSet, of Jobs and pods are. */
const isLabel = (name: string) => /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name) && name.length <= 63;
const isLabelKey = (key: string) =>
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/
    .test(key);

/** The longest name that a pod of a replicated job gets; jobset: GenPodName and five characters of Kubernetes. */
export const longestPodName = (set: string, { name, replicas, template }: ReplicatedJob): string =>
  `${set}-${name}-${replicas - 1}-${template.spec.completions - 1}-abcde`;
type ReplicatedJob = JobSet["spec"]["replicatedJobs"][number];

/** Why JobSet would refuse a set. */
export function jobSetProblems({ metadata, spec }: JobSet): string[] {
  const problems: string[] = [];
  const expect = (holds: boolean, problem: string) => void (holds || problems.push(problem));
  const { network, startupPolicy, successPolicy, failurePolicy, replicatedJobs } = spec;
  const names = replicatedJobs.map(({ name }) => name);
  const known = (targets: readonly string[] = []) => targets.every((one) => names.includes(one));
  const depends = replicatedJobs.some(({ dependsOn }) => dependsOn);
  expect(
    !(startupPolicy?.startupPolicyOrder === "InOrder" && depends),
    "startupPolicy and dependsOn exclude each other",
  );
  if (network?.subdomain) {
    expect(isLabel(network.subdomain), "the subdomain is no name of a Service");
  }
  expect(new Set(names).size === names.length, "replicated jobs have one name");
  for (const [place, job] of replicatedJobs.entries()) {
    const earlier = names.slice(0, place);
    expect(
      (job.dependsOn ?? []).every(({ name }) => earlier.includes(name)),
      `${job.name} depends on a later job`,
    );
    const jobName = `${metadata.name}-${job.name}-${job.replicas - 1}`;
    expect(isLabel(jobName), `the Job ${jobName} has no good name`);
    const pod = longestPodName(metadata.name, job);
    expect(isLabel(pod), `the pod ${pod} has no good name`);
    problems.push(...jobProblems(job.template.spec).map((one) => `${job.name}: ${one}`));
  }
  expect(known(successPolicy?.targetReplicatedJobs), "successPolicy names an unknown job");
  const rules = failurePolicy?.rules ?? [];
  expect(new Set(rules.map(({ name }) => name)).size === rules.length, "rules have one name");
  for (const { name, action, onJobFailureReasons = [], targetReplicatedJobs } of rules) {
    expect(
      /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/.test(name) && name.length <= 128,
      `${name} is no name of a rule`,
    );
    // The actions RestartJob* are behind a feature gate that is off by default.
    expect(/^(FailJobSet|RestartJobSet(AndIgnoreMaxRestarts)?)$/.test(action), `${action}`);
    expect(onJobFailureReasons.every((one) => failureReasons.includes(one)), "unknown reason");
    expect(known(targetReplicatedJobs), `${name} names an unknown job`);
  }
  return problems;
}

/** jobset: validOnJobFailureReasons. */
const failureReasons = [
  ...["BackoffLimitExceeded", "DeadlineExceeded", "FailedIndexes", "MaxFailedIndexesExceeded"],
  "PodFailurePolicy",
];

/** Why Kubernetes would refuse the spec of a Job whose fields have the right types. */
export function jobProblems(spec: JobSpec): string[] {
  const { podFailurePolicy, podReplacementPolicy, template } = spec;
  const containers = template.spec.containers.map(({ name }) => name);
  const rules = podFailurePolicy.rules;
  return [
    template.spec.restartPolicy === "Never" ? [] : ["podFailurePolicy needs restartPolicy Never"],
    podReplacementPolicy === "Failed" ? [] : ["podFailurePolicy needs podReplacementPolicy Failed"],
    rules.flatMap(({ onExitCodes }) =>
      onExitCodes === undefined || containers.includes(onExitCodes.containerName)
        ? []
        : [`there is no container ${onExitCodes.containerName}`]
    ),
  ].flat();
}

const topologyKinds = ["required", "preferred", "unconstrained"] as const;

/** Why Kueue would refuse a set, or take none of its wishes. */
export function queueProblems({ metadata, spec }: JobSet): string[] {
  const problems: string[] = [];
  const expect = (holds: boolean, problem: string) => void (holds || problems.push(problem));
  for (const label of ["queue-name", "priority-class"]) {
    const value = metadata.labels?.[`kueue.x-k8s.io/${label}`];
    expect(value === undefined || dns1123.test(value), `${label} is no name: ${value}`);
  }
  const groups = new Map<string, { pods: number; topology: string }[]>();
  for (
    const { name, replicas, template: { spec: { completions, template } } } of spec.replicatedJobs
  ) {
    const { annotations } = template.metadata;
    const asked = topologyKinds.filter((kind) => key(kind) in annotations);
    expect(asked.length <= 1, `${name} asks for two topologies`);
    const kinds = asked.filter((kind) => kind !== "unconstrained");
    for (const kind of kinds) {
      expect(isLabelKey(annotations[key(kind)]!), `${name}: the topology is no label`);
    }
    const group = annotations["kueue.x-k8s.io/podset-group-name"];
    if (group === undefined) continue;
    expect(!/^\d+$/.test(group), `${name}: the group is a number`);
    expect(kinds.length === 1, `${name}: a group without a topology`);
    const topology = kinds.map((kind) => `${kind} ${annotations[key(kind)]}`).join();
    groups.set(group, [...groups.get(group) ?? [], { pods: replicas * completions, topology }]);
  }
  for (const [name, members] of groups) {
    expect(members.length === 2, `the group ${name} has not two members`);
    expect(members.some(({ pods }) => pods === 1), `no member of ${name} is one pod`);
    expect(new Set(members.map(({ topology }) => topology)).size === 1, `${name}: two topologies`);
  }
  return problems;
}

const key = (kind: typeof topologyKinds[number]) => `kueue.x-k8s.io/podset-${kind}-topology`;

const name = z.string().max(253).regex(dns1123);
const quantity = z.union([z.int().nonnegative(), z.string().regex(/^\d+(\.\d+)?(m|[kMGTPE]i?)?$/)]);
const labels = z.record(z.string().refine(isLabelKey), z.string());
const object = <K extends string, T extends z.ZodRawShape>(kind: K, rest: T) =>
  z.strictObject({
    apiVersion: z.literal("kueue.x-k8s.io/v1beta2"),
    kind: z.literal(kind),
    metadata: z.strictObject({ name, namespace: name.optional() }),
    ...rest,
  });
const hostname = "kubernetes.io/hostname";

/** Objects of Kueue, with the fields that deploy/kueue uses. */
export const queueObject = z.discriminatedUnion("kind", [
  object("Topology", {
    spec: z.strictObject({
      levels: z.array(z.strictObject({ nodeLabel: z.string().refine(isLabelKey) })).min(1).max(16)
        .refine((all) => new Set(all.map(({ nodeLabel }) => nodeLabel)).size === all.length)
        .refine((all) => all.slice(0, -1).every(({ nodeLabel }) => nodeLabel !== hostname)),
    }),
  }),
  object("ResourceFlavor", {
    spec: z.strictObject({ nodeLabels: labels, topologyName: name.optional() })
      .refine(({ nodeLabels, topologyName }) =>
        topologyName === undefined || Object.keys(nodeLabels).length > 0
      ),
  }),
  object("ClusterQueue", {
    spec: z.strictObject({
      namespaceSelector: z.strictObject({ matchLabels: labels }),
      queueingStrategy: z.enum(["StrictFIFO", "BestEffortFIFO"]),
      preemption: z.strictObject({
        withinClusterQueue: z.enum(["Never", "LowerPriority", "LowerOrNewerEqualPriority"]),
      }),
      resourceGroups: z.array(
        z.strictObject({
          coveredResources: z.array(z.string().refine(isLabelKey)).min(1).max(64),
          flavors: z.array(z.strictObject({
            name,
            resources: z.array(z.strictObject({ name: z.string(), nominalQuota: quantity })),
          })).min(1),
        }).refine(({ coveredResources, flavors }) =>
          flavors.every(({ resources }) =>
            resources.map(({ name }) => name).join() === coveredResources.join()
          )
        ),
      ).min(1),
    }),
  }),
  object("LocalQueue", { spec: z.strictObject({ clusterQueue: name }) }),
  object("WorkloadPriorityClass", { value: z.int(), description: z.string().max(2048) }),
]);
