import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { chart, helm } from "../../tools/chart/helm.ts";

/** The part of a manifest that tests read; what a kind does not have is undefined there. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: ManifestSpec;
  readonly data?: Readonly<Record<string, string>>;
}

export type Labels = Readonly<Record<string, string>>;

export interface ManifestSpec {
  readonly replicas?: number;
  readonly clusterIP?: string;
  readonly publishNotReadyAddresses?: boolean;
  /** Of a Service: plain labels; of others: matchLabels. */
  readonly selector?: Labels & { readonly matchLabels?: Labels };
  readonly ports?: readonly { name: string; port: number; targetPort: string }[];
  readonly template?: PodTemplate;
  /** Of a JobSet. */
  readonly replicatedJobs?: readonly {
    readonly name: string;
    readonly replicas: number;
    readonly template: { readonly spec: JobSpec };
  }[];
  readonly podSelector?: { readonly matchLabels: Labels };
  readonly policyTypes?: readonly string[];
  readonly ingress?: readonly { from: readonly Peer[]; ports: readonly PolicyPort[] }[];
  readonly egress?: readonly { to: readonly Peer[]; ports: readonly PolicyPort[] }[];
  readonly secretName?: string;
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
}

export interface PodTemplate {
  readonly metadata: { readonly labels: Labels; readonly annotations: Labels };
  readonly spec: PodSpec;
}

/** Of a Job. */
export interface JobSpec {
  readonly completions: number;
  readonly parallelism: number;
  readonly completionMode?: string;
  readonly template: PodTemplate;
  readonly podFailurePolicy: {
    readonly rules: readonly {
      readonly action: string;
      readonly onExitCodes?: { readonly containerName: string; readonly values: readonly number[] };
    }[];
  };
  readonly backoffLimit: number;
  readonly podReplacementPolicy: string;
}

export interface Peer {
  readonly podSelector?: { readonly matchLabels?: Labels };
  readonly namespaceSelector?: { readonly matchLabels?: Labels };
  readonly ipBlock?: { readonly cidr: string };
}

export interface PolicyPort {
  readonly protocol: string;
  readonly port: number;
}

interface Probe {
  readonly grpc?: { readonly port: number };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly { name: string; value?: string }[];
  readonly ports?: readonly { name: string; containerPort: number }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly resources: { readonly requests?: object; readonly limits?: Record<string, unknown> };
  readonly securityContext: Record<string, unknown>;
  readonly volumeMounts: readonly { name: string; mountPath: string; readOnly?: boolean }[];
}

export interface PodSpec {
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: boolean;
  readonly enableServiceLinks: boolean;
  readonly restartPolicy?: string;
  readonly terminationGracePeriodSeconds: number;
  readonly hostNetwork?: boolean;
  readonly securityContext: Record<string, unknown>;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly [Container];
  readonly volumes: readonly ({ name: string } & Record<string, Record<string, unknown>>)[];
  readonly topologySpreadConstraints?: readonly { labelSelector: { matchLabels: Labels } }[];
}

/** Value files that are installed together, by a name. */
export const valueSets: Readonly<Record<string, readonly string[]>> = {
  defaults: [],
  cpu: ["values-cpu.yaml"],
  gpu: ["values-gpu.yaml"],
  "cpu in production": ["values-cpu.yaml", "values-production.yaml"],
  "gpu in production": ["values-gpu.yaml", "values-production.yaml"],
  "learners in production": ["values-gpu.yaml", "values-learners.yaml", "values-production.yaml"],
};

const rendered = new Map<string, Promise<string>>();

/** Arguments that give Helm value files of the chart and values of a test. */
async function withValues<T>(
  files: readonly string[],
  values: object,
  use: (args: string[]) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "decorum-values-"));
  try {
    const own = join(folder, "values.yaml");
    writeFileSync(own, stringify(values));
    const all = [...files.map((file) => join(chart, file)), own];
    return await use(all.flatMap((file) => ["--values", file]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What `helm template` writes; equal calls render once. @throws Error with what Helm says */
export function renderText(files: readonly string[], values: object = {}): Promise<string> {
  const key = JSON.stringify([files, values]);
  let text = rendered.get(key);
  if (text === undefined) {
    text = withValues(
      files,
      values,
      (args) => helm("template", "demo", chart, "--namespace", "rlhf", ...args),
    );
    text.catch(() => {});
    rendered.set(key, text);
  }
  return text;
}

/** The manifests that `helm template` makes of value files and further values. */
export async function render(files: readonly string[], values: object = {}): Promise<Manifest[]> {
  const documents = parseAllDocuments(await renderText(files, values));
  return documents.flatMap((one) => one.errors.length > 0 ? [] : [one.toJS() as Manifest | null])
    .filter((one) => one !== null);
}

/** Runs `helm lint --strict`. */
export function lint(files: readonly string[]): Promise<string> {
  return withValues(files, {}, (args) => helm("lint", "--strict", chart, ...args));
}

export const ofKind = (manifests: readonly Manifest[], kind: string): Manifest[] =>
  manifests.filter((one) => one.kind === kind);

/** Deployments and the Job, and the Jobs that JobSet's controller makes of a set, by their component. */
export function workloads(manifests: readonly Manifest[]): Map<string, Manifest> {
  const all = manifests.flatMap((one) => one.kind === "JobSet" ? jobsOf(one) : [one]);
  const found = all.filter(({ kind }) => kind === "Deployment" || kind === "Job");
  const component = ({ spec }: Manifest) =>
    spec.template!.metadata.labels["app.kubernetes.io/component"]!;
  return new Map(found.map((one) => [component(one), one]));
}

/** The Jobs of a set, with one for a replicated job: GenJobName of jobset's pkg/util/placement/placement.go. */
export function jobsOf({ metadata, spec }: Manifest): Manifest[] {
  return spec.replicatedJobs!.map(({ name, template }) => ({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: `${metadata.name}-${name}-0` },
    spec: template.spec,
  }));
}

/** Whether labels fit a selector of labels. */
export const selects = (selector: Labels, labels: Labels): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);
