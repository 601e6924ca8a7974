import { z } from "zod";
import {
  fieldsOf,
  type Kind,
  type SectionName,
  sections,
  type ServiceName,
  serviceNames,
} from "@decorum/settings";

/** JSON Schema as it is written. */
type JsonSchema = z.core.JSONSchema.BaseSchema;

/**
 * Settings that the chart decides; they are not the values' to say: addresses, certificates and folders of the pods,
 * and these.
 */
const decided = [
  ...["reflection", "provider", "insecure", "trust_domain", "trainer.run"],
  // The trainer's, else their bits differ.
  "learner.threads",
];
const decidedKinds: readonly Kind[] = [
  ...["listen", "service", "folder", "readable", "certificate", "secret"] as const,
];

const text = z.string();
const name = z.string().min(1);
/** A name of Kubernetes, or empty for none. */
const object = z.string().regex(/^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$/);
const quantity = z.union([
  z.string().regex(/^\d+(\.\d+)?(m|[kMGTPE]i?)?$/),
  z.number().positive(),
]);
const count = z.int().nonnegative();
const positive = z.int().positive();
const portion = z.union([z.int().nonnegative(), z.string().regex(/^\d{1,3}%$/)]);
const strings = z.record(z.string(), z.string());
const duration = z.string().regex(/^(\d+(\.\d+)?(ms|s|m|h))+$/);
const digest = z.string().regex(/^(sha256:[0-9a-f]{64})?$/);
const url = z.string().regex(/^https?:\/\/\S+$/);

const selector = z.strictObject({
  matchLabels: strings.optional(),
  matchExpressions: z.array(z.strictObject({
    key: name,
    operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
    values: z.array(z.string()).optional(),
  })).optional(),
});
const peers = z.array(z.union([
  z.strictObject({ podSelector: selector, namespaceSelector: selector.optional() }),
  z.strictObject({ namespaceSelector: selector }),
  z.strictObject({
    ipBlock: z.strictObject({ cidr: name, except: z.array(name).optional() }),
  }),
]));

const scheduling = {
  nodeSelector: strings,
  tolerations: z.array(z.strictObject({
    key: name.optional(),
    operator: z.enum(["Exists", "Equal"]).optional(),
    value: text.optional(),
    effect: z.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"]).optional(),
    tolerationSeconds: count.optional(),
  })),
  affinity: z.strictObject({
    nodeAffinity: z.looseObject({}).optional(),
    podAffinity: z.looseObject({}).optional(),
    podAntiAffinity: z.looseObject({}).optional(),
  }),
  priorityClassName: object,
  runtimeClassName: object,
  podAnnotations: strings,
  podLabels: strings,
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.string()),
};

function pod(service: ServiceName) {
  return {
    config: z.object({}).meta({ id: `${service}Config` }),
    tokensSecret: object,
    gpus: count,
    resources: z.strictObject({
      requests: z.strictObject({
        cpu: quantity,
        memory: quantity,
        "ephemeral-storage": quantity,
      }),
      limits: z.strictObject({
        cpu: quantity.optional(),
        memory: quantity,
        "ephemeral-storage": quantity,
      }),
    }),
    startupSeconds: positive,
    ...scheduling,
  };
}

function deployment(service: ServiceName) {
  return {
    ...pod(service),
    replicas: positive,
    rollingUpdate: z.strictObject({ maxSurge: portion, maxUnavailable: portion }),
    podDisruptionBudget: z.strictObject({ enabled: z.boolean(), maxUnavailable: portion }),
    spreadOver: text,
  };
}

/** One value for each service. */
const byService = <T extends z.ZodType>(value: T) =>
  z.strictObject(Object.fromEntries(serviceNames.map((name) => [name, value])));
/** A label of Kubernetes: a name, with a domain before it or not. */
const label = z.string().max(317).regex(
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/,
);

const values = z.strictObject({
  nameOverride: object,
  fullnameOverride: object,
  image: z.strictObject({
    repository: name,
    tag: z.string().regex(/^[\w.-]{0,128}$/),
    digest,
    cudaDigest: digest,
    pullPolicy: z.enum(["Always", "IfNotPresent", "Never"]),
    pullSecrets: z.array(name),
  }),
  listenHost: z.enum(["0.0.0.0", "[::]"]),
  reflection: z.boolean(),
  model: z.object({}).meta({ id: "model" }),
  telemetry: z.object({}).meta({ id: "telemetry" }),
  models: z.strictObject({
    existingClaim: object,
    sizeLimit: quantity,
    download: z.boolean(),
    endpoint: z.union([z.literal(""), url]),
    tokenSecret: z.strictObject({ name: object, key: name }),
    sha256: z.record(
      z.string().regex(/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/),
      z.string().regex(/^[0-9a-f]{64}$/),
    ),
  }),
  tls: z.strictObject({
    mode: z.enum(["off", "secret", "cert-manager"]),
    trustDomain: z.string().regex(/^[a-z0-9._-]+$/),
    secrets: byService(object),
    issuer: z.strictObject({
      name: object,
      kind: z.enum(["Issuer", "ClusterIssuer"]),
      group: name,
    }),
    duration,
    renewBefore: duration,
  }),
  networkPolicy: z.strictObject({
    enabled: z.boolean(),
    clients: byService(peers),
    prometheus: peers,
    dns: peers.min(1),
    otlp: peers,
    otlpPort: z.int().min(1).max(65535),
    downloads: peers,
  }),
  monitoring: z.strictObject({
    serviceMonitor: z.strictObject({ enabled: z.boolean(), interval: duration, labels: strings }),
    prometheusRule: z.strictObject({ enabled: z.boolean(), labels: strings }),
    dashboards: z.strictObject({ enabled: z.boolean(), labels: strings, annotations: strings }),
  }),
  policy: z.strictObject(deployment("policy")),
  reward: z.strictObject({
    ...deployment("reward"),
    http: z.strictObject({ enabled: z.boolean() }),
    autoscaling: z.strictObject({
      enabled: z.boolean(),
      maxReplicas: positive,
      queueDepth: positive,
      prometheusAddress: url,
      pollingSeconds: positive,
      cooldownSeconds: count,
    }),
  }),
  evaluator: z.strictObject(deployment("evaluator")),
  learner: z.strictObject({
    ...pod("learner"),
    replicas: count.max(1000),
    backoffLimit: count,
    spreadOver: text,
  }),
  trainer: z.strictObject({
    ...pod("trainer"),
    run: z.string().regex(/^([\w-][\w.-]{0,99})?$/),
    backoffLimit: count,
    activeDeadlineSeconds: count,
    ttlSecondsAfterFinished: count,
    kueue: z.strictObject({
      queue: object,
      priorityClass: object,
      topology: z.strictObject({ required: label, preferred: label }),
    }),
    ui: z.strictObject({ enabled: z.boolean(), tokensSecret: object }),
    storage: z.strictObject({
      existingClaim: object,
      size: quantity,
      storageClassName: object,
      accessModes: z.array(
        z.enum(["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"]),
      ).length(1),
    }),
    data: z.strictObject({ configMap: object, existingClaim: object }),
  }),
});

const some: JsonSchema = { minLength: 1 };
const none: JsonSchema = { const: "" };
const learners = { "learner.replicas": { minimum: 1 } };
const topologies = ["required", "preferred"].map((kind) => ({
  [`trainer.kueue.topology.${kind}`]: some,
}));

/** What values ask of others, by their paths. */
const together: JsonSchema[] = [
  needs(learners, { "trainer.run": some }),
  // Else every learner is left out, and the run waits for ever.
  needs(
    learners,
    { "learner.gpus": { const: 0 }, "trainer.gpus": { const: 0 } },
    { "learner.gpus": { minimum: 1 }, "trainer.gpus": { minimum: 1 } },
    { "trainer.config.allow_different_learners": { const: true } },
  ),
  needs({ "trainer.kueue.priorityClass": some }, { "trainer.kueue.queue": some }),
  ...topologies.map((one) => needs(one, { "trainer.kueue.queue": some, ...learners })),
  needs(topologies[0]!, { "trainer.kueue.topology.preferred": none }),
  needs({ "trainer.ui.enabled": { const: true } }, {
    "tls.mode": { enum: ["secret", "cert-manager"] },
    "trainer.ui.tokensSecret": some,
  }),
];

/** Values that fit the first need one of the others. */
function needs(
  these: Readonly<Record<string, JsonSchema>>,
  ...others: readonly Readonly<Record<string, JsonSchema>>[]
): JsonSchema {
  const having = (values: Readonly<Record<string, JsonSchema>>): JsonSchema => ({
    allOf: Object.entries(values).map(([path, schema]) =>
      path.split(".").reverse().reduce<JsonSchema>(
        (inner, key) => ({ required: [key], properties: { [key]: inner } }),
        schema,
      )
    ),
  });
  // A keyword of JSON Schema, no promise.
  return { if: having(these), then: { anyOf: others.map(having) } };
}

/**
 * The chart's values.schema.json. The sections of the services are those of their own schemas, so that Helm refuses
 * what a service would refuse to start with.
 */
export function valuesSchema(): JsonSchema {
  const json = jsonSchema(values);
  const definitions = json.definitions as Record<string, JsonSchema>;
  definitions["model"] = section("model", []);
  definitions["telemetry"] = section("telemetry", []);
  for (const name of serviceNames) {
    definitions[`${name}Config`] = section(name, decidedOf(name));
  }
  const { image, trainer } = json.properties as Record<string, JsonSchema>;
  (image!.properties!["tag"] as JsonSchema).not = { const: "latest" };
  // Without a run there is no trainer, and nothing that one needs.
  const { required, ...trainerSection } = definitions["trainerConfig"]!;
  definitions["trainerConfig"] = trainerSection;
  Object.assign(trainer!, {
    if: { properties: { run: { minLength: 1 } } },
    // A keyword of JSON Schema, no promise.
    then: { properties: { config: { required } } },
  });
  json.allOf = together;
  // Helm gives a chart's values `global`, whether they have one or not.
  json.properties = { ...json.properties, global: { type: "object" } };
  return json;
}

/** Settings of a service's section that the chart decides. */
function decidedOf(name: ServiceName): string[] {
  const fields = fieldsOf(name, sections[name]);
  const top = fields.filter((one) => one.name.split(".").length === 2);
  return top.filter(({ name: setting }) => {
    const inside = fields.filter((one) =>
      one.name === setting || one.name.startsWith(`${setting}.`)
    );
    return decided.includes(setting) || decided.includes(setting.slice(name.length + 1)) ||
      inside.some(({ kind }) => kind !== undefined && decidedKinds.includes(kind));
  }).map(({ name: setting }) => setting.slice(name.length + 1));
}

function jsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    ...{ io: "input", target: "draft-7", unrepresentable: "any" },
    // Words of ours that JSON Schema does not know.
    override({ jsonSchema }) {
      for (const word of ["kind", "unit", "service"]) delete jsonSchema[word];
    },
  });
}

/** The schema of a section without some settings and without what only its own document knows. */
function section(name: SectionName, without: readonly string[]): JsonSchema {
  const { $schema: _schema, default: _default, ...rest } = jsonSchema(sections[name]);
  const kept = (key: string) => !without.includes(key);
  return {
    ...rest,
    properties: Object.fromEntries(
      Object.entries(rest.properties ?? {}).filter(([key]) => kept(key)),
    ),
    ...(rest.required ? { required: rest.required.filter(kept) } : {}),
  };
}
