/** One row of the layer table: a folder of the repository and what may be known about it elsewhere. */
export interface Layer {
  /** Path from the repository's root; `services/*` stands for every folder in `services`. */
  readonly folder: string;
  /** What lives there, in a few words: the text of the table in `docs/architecture.md`. */
  readonly holds: string;
  /** The only folders above the chores that may import it; every lower one by default, tests alone for none. */
  readonly importers?: readonly string[];
}

/**
 * The layers, from the ground up: a folder imports only from folders above it in this list, packages by
 * name (`@decorum/tensor`). A new folder with code needs a row here.
 */
export const layers: readonly Layer[] = [
  { folder: "packages/tensor", holds: "dtypes, host tensors, random streams, weight files" },
  {
    folder: "packages/onnx",
    holds: "graph IR: builder, operators, shape inference, checker, printer, codec",
  },
  {
    folder: "packages/autodiff",
    holds: "the gradient walk and its table of rules",
    importers: ["packages/learning"],
  },
  {
    folder: "packages/models",
    holds: "families of policies and classifiers, LoRA, value head, checkpoint folders",
  },
  { folder: "packages/optim", holds: "Adam, clipping, schedules, accumulation: pure functions" },
  { folder: "packages/text", holds: "tokenizers, prompts, datasets, batches, ROUGE" },
  { folder: "packages/async", holds: "retry, pool, channel, deadline, delay, lock: one of each" },
  { folder: "packages/hub", holds: "models and data by name: download, cache, revisions" },
  { folder: "packages/runtime", holds: "sessions in workers, execution providers, profiles" },
  { folder: "packages/generation", holds: "the decoding graph, sampling, chunks of steps" },
  { folder: "packages/scoring", holds: "texts to logits, ONNX export of classifiers, the judge" },
  {
    folder: "packages/learning",
    holds: "models that learn: sessions, tasks (SFT, reward, DPO), checkpoints",
    importers: [
      "packages/algorithms",
      "packages/fleet",
      "services/learner",
      "services/trainer",
      "cli",
      "demo",
    ],
  },
  {
    folder: "packages/algorithms",
    holds: "a page an algorithm, and the loop with or without services",
  },
  { folder: "packages/telemetry", holds: "tracer, metrics, logger, the names of both" },
  { folder: "packages/rpc", holds: "gRPC server and client, identities, deadlines, errors" },
  {
    folder: "packages/rewards",
    holds: "what a response is worth: terms, expressions, the user's code, other servers",
  },
  {
    folder: "packages/settings",
    holds: "every setting once: schema, defaults, where its value comes from",
  },
  { folder: "packages/runs", holds: "what runs have on record, in SQLite" },
  { folder: "packages/serving", holds: "queue, limits, batches, reload: for policy and reward" },
  {
    folder: "packages/service",
    holds: "what every service's main does: start, health, drain, stop",
  },
  {
    folder: "packages/fleet",
    holds: "who stands behind a name, work and weights shared over them",
  },
  {
    folder: "packages/ui",
    holds: "the page of runs: its server, its scripts, and the report in one file",
    importers: ["services/trainer", "services/ui", "cli"],
  },
  {
    folder: "packages/testing",
    holds: "helpers of tests: temporary folders, tiny models, processes, ports, servers",
    importers: [],
  },
  {
    folder: "services/*",
    holds: "policy, reward, evaluator, learner and trainer, and the page of runs",
  },
  { folder: "demo", holds: "the demo's corpus and the recipes of its models" },
  { folder: "cli", holds: "the `decorum` command" },
];

/** Chores around the product: they import anything, also each other, and nothing else imports them. */
export const chores: readonly Layer[] = [
  { folder: "bench", holds: "benchmarks beside their peers" },
  { folder: "examples", holds: "clients of the reward service, as others would write them" },
  { folder: "experiments", holds: "whole trainings on real text" },
  { folder: "deploy", holds: "images, Helm chart, dashboards, alerts" },
  { folder: "tests", holds: "whole-system tests and recorded cases" },
  { folder: "tools", holds: "recorders, generators, this table" },
];

/** npm packages with a home: only `home` imports them. */
export interface Homed {
  /** A package name, or a scope with its slash. */
  readonly module: string;
  readonly home: string;
  /** Whether test files and test helpers anywhere may import it too. */
  readonly inTests: boolean;
  /** Other folders that import it: examples stand for code outside of this repository, tools generate code. */
  readonly also?: readonly string[];
}

export const homedModules: readonly Homed[] = [
  { module: "onnxruntime-node", home: "packages/runtime", inTests: true },
  { module: "onnxruntime-common", home: "packages/runtime", inTests: true },
  { module: "@grpc/", home: "packages/rpc", inTests: false, also: ["examples", "tools"] },
  { module: "grpc-health-check", home: "packages/rpc", inTests: false },
  { module: "@huggingface/hub", home: "packages/hub", inTests: false },
  { module: "@xenova/transformers", home: "packages/scoring", inTests: false },
];

/**
 * Folders whose code runs on other hosts than Deno too: no `Deno.*`, but `node:*` and npm packages.
 * Entry points (cli, chores) and tests may use it.
 */
export const portable: readonly string[] = ["packages", "services"];
