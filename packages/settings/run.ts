import { createHash } from "node:crypto";
import { z } from "zod";
import { isJsonObject, type JsonObject } from "@decorum/tensor";
import {
  type Algorithm,
  type AlgorithmName,
  algorithmNames,
  type algorithms,
  pageOf,
} from "@decorum/algorithms";
import { mapNamed, type NamedValue } from "./field.ts";
import { type RewardTermConfig, rewardTerms } from "@decorum/rewards";
import { checked, ConfigError } from "./load.ts";
import { modelSection } from "./model.ts";
import { moveOldNames } from "./names.ts";
import { count, name, positive } from "./service.ts";

const data = z.strictObject({
  train: name.meta({
    description:
      "The training data: CSV with a header, or one JSON object a line; a path, or hf://datasets/owner/name/file.csv.",
    kind: "data",
    examples: ["hf://datasets/knkarthick/dialogsum/train.csv"],
  }),
  format: z.enum(["csv", "jsonl"]).nullable().default(null)
    .describe("Format of the data files. null: as the file's extension says."),
  prompt: name.meta({
    description: "Template of the prompt. {column} is filled; {{ and }} are braces.",
    examples: ["\nSummarize the following conversation.\n\n{dialogue}\n\nSummary:\n"],
  }),
  columns: z.array(name).nullable().default(null)
    .describe("Columns that the files must have. null: those that are used."),
  length_column: name.nullable().default(null).describe(
    "The column that min_chars and max_chars are about. null: the first of the prompt.",
  ),
  min_chars: count.default(0).meta({
    description: "Rows whose length_column is shorter are left out.",
    unit: "Unicode code points",
  }),
  max_chars: positive.nullable().default(null).meta({
    description: "Rows whose length_column is longer are left out. null: none.",
    unit: "Unicode code points",
  }),
  max_prompt_tokens: positive.nullable().default(null).meta({
    description: "Longest prompt. null: what the policies take.",
    unit: "tokens",
  }),
  over_length: z.enum(["error", "drop"]).default("error")
    .describe(
      "What is done with a prompt above max_prompt_tokens: the run fails, or the row is left out.",
    ),
  split: z.record(z.string(), z.number().positive()).nullable().default(null).describe(
    'Shares of the parts of the file, which sum to 1, as { train: 0.8, test: 0.2 }. "train" is trained on. null: all of it.',
  ),
  eval: name.nullable().default(null).meta({
    description: "A file of held-out rows. null: the part eval_split of the training data.",
    kind: "data",
  }),
  eval_split: name.default("test").describe("The part of `split` that is held out."),
  reference_column: name.nullable().default(null)
    .describe("The column with the human text that ROUGE compares with. null: no ROUGE."),
}).describe("Prompts.");

/** A section for each algorithm, under its name. */
const algorithmSections = Object.fromEntries(
  algorithmNames.map((name) => [name, pageOf(name).settings.prefault({})]),
) as {
  readonly [Name in AlgorithmName]: z.ZodPrefault<(typeof algorithms)[Name]["settings"]>;
};

/** What a run is made of beside the model: everything else that decides its results. */
export const runFields = {
  data,
  algorithm: z.enum(algorithmNames).default("ppo").describe(
    "How the policy learns. Only the section of that name counts. docs/training.md says which is for what.",
  ),
  ...algorithmSections,
  rollout: z.strictObject({
    group_size: positive.default(8).meta({
      description:
        "Prompts that a policy runs as one padded batch; at most policy.limits.max_prompts.",
      unit: "prompts",
    }),
    overlap: z.boolean().default(false).describe(
      "Whether the next step's responses are made and scored while a step is learned, by weights that are one step old.",
    ),
  }).prefault({}).describe("How responses are asked for."),
  rewards: rewardTerms.nullable().default(null).describe(
    "The terms of the reward, which docs/rewards.md explains. null: the label `reward_label` of the reward service.",
  ),
  multi_objective_aggregation: z.enum(["sum_then_normalize", "normalize_then_sum"])
    .default("sum_then_normalize").describe(
      "How several terms become one score. normalize_then_sum: each is normalised over the responses to a prompt (PPO: over the batch) before it is weighted.",
    ),
  reward_input: z.enum(["response", "pair"]).default("response")
    .describe("Without `rewards`: what is scored, the response, or prompt and response as a pair."),
  reward_label: name.nullable().default(null).describe(
    "Without `rewards`: the label whose raw logit is the score. null: the reward service's own.",
  ),
  constant_score: z.number().nullable().default(null).describe(
    "A control: the score of every response, whatever the reward says. null: the reward's own.",
  ),
  checkpoint: z.strictObject({
    every_steps: count.default(10).meta({
      description: "Steps between two checkpoints. The end always has one. 0: no others.",
      unit: "steps",
    }),
    keep: positive.default(3).describe("Newest checkpoints that are kept."),
  }).prefault({}).describe("From where a run continues after a stop."),
  evaluate: z.strictObject({
    every_steps: count.default(0).meta({
      description: "Steps between two evaluations. The end always has one. 0: no evaluations.",
      unit: "steps",
    }),
    prompts: z.int().min(2).default(32)
      .meta({ description: "Held-out prompts of one evaluation.", unit: "prompts" }),
  }).prefault({}).describe("Evaluations while a run trains."),
  seed: count.default(0)
    .describe("Everything that is drawn follows from it: adapter, order of the data, responses."),
};

const schema = z.strictObject({ model: modelSection, ...runFields }).superRefine((run, context) => {
  if (run.rewards?.length === 0) {
    const message = "expected at least one term, or null";
    context.addIssue({ code: "custom", path: ["rewards"], message });
  }
  if (run.rewards !== null && (run.reward_label !== null || run.reward_input !== "response")) {
    context.addIssue({
      code: "custom",
      path: ["rewards"],
      message: "expected reward_label and reward_input inside of its terms, as `label` and `input`",
    });
  }
  if (run.evaluate.every_steps === 0) return;
  const { eval: file, eval_split: part, split } = run.data;
  if (file !== null || (split && part in split)) return;
  context.addIssue({
    code: "custom",
    path: ["data", "eval"],
    message: `expected a file, or a part "${part}" in data.split, since evaluate.every_steps is ` +
      `${run.evaluate.every_steps}`,
  });
});

/** A run's configuration, complete. */
export type RunConfig = z.infer<typeof schema>;

/**
 * A run's configuration: that of the service, or of another run, and a caller's changes.
 *
 * @param base it may have other fields, which do not count
 * @param overrides JSON of an object; its fields win, objects are merged field by field
 * @throws ConfigError with every fault at once
 */
export function runConfigOf(base: RunConfig, overrides = ""): RunConfig {
  const problems: string[] = [];
  const changes = overrides.trim() === "" ? {} : jsonObject(overrides);
  moveOldNames(changes, [""], problems);
  const names = Object.keys(schema.shape) as (keyof RunConfig)[];
  const own = Object.fromEntries(names.map((name) => [name, base[name]]));
  return checked(schema, merged(own, changes), { problems });
}

/** `changes` over `base`, field by field. */
function merged(base: unknown, changes: unknown): unknown {
  if (!isJsonObject(base) || !isJsonObject(changes)) return changes;
  const both = { ...base };
  for (const [key, value] of Object.entries(changes)) both[key] = merged(base[key], value);
  return both;
}

/**
 * A run's configuration as it is on record, by this version or an earlier one: settings that are newer than the run
 * have their defaults, or what runs did before there was a choice.
 *
 * @throws ConfigError when this version cannot run it
 */
export function recordedRunConfig(configJson: string): RunConfig {
  const problems: string[] = [];
  const recorded = jsonObject(configJson);
  moveOldNames(recorded, [""], problems);
  return checked(schema, merged(recorded, beforeSharing(recorded)), { problems });
}

/**
 * As {@link runConfigOf}, for a run that is on record: settings that are newer than the run are as the run had them.
 *
 * @param configJson the run's, as it is on record
 */
export function continuing(configJson: string, base: RunConfig): RunConfig {
  return runConfigOf(base, JSON.stringify(beforeSharing(jsonObject(configJson))));
}

/** What is to be added to a configuration of a run that is older than `share_prompts`: it encoded a prompt for each response. */
function beforeSharing(recorded: JsonObject): JsonObject {
  const older = ["grpo", "rloo", "online_dpo"].filter((name) => {
    const section = recorded[name];
    return isJsonObject(section) && !("share_prompts" in section);
  });
  return Object.fromEntries(older.map((name) => [name, { share_prompts: false }]));
}

/** `config` with other names in it. @param change what it returns takes the name's place */
export function mapRunNames(config: RunConfig, change: (named: NamedValue) => string): RunConfig {
  return mapNamed("", schema, config, change) as RunConfig;
}

/** A run's configuration as people may see it: under the names of today, without what is secret. */
export function shownRunConfig(configJson: string): JsonObject {
  const recorded = jsonObject(configJson);
  moveOldNames(recorded, [""], []);
  const shown = mapNamed(
    "",
    schema,
    recorded,
    ({ kind, value }) => kind === "secret" ? "(not shown)" : value,
  );
  return shown as JsonObject;
}

function jsonObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError([`config_json: expected JSON, but ${(cause as Error).message}`]);
  }
  if (isJsonObject(value)) return value;
  throw new ConfigError([`config_json is ${JSON.stringify(value)}: expected an object`]);
}

/** The run's algorithm, with its settings. */
export function algorithmOf(config: RunConfig): Algorithm {
  return pageOf(config.algorithm).open(config[config.algorithm]);
}

/** What keeps a run that shares prompts from encoding each once for all of its responses, as sentences. */
export function sharingCuts(config: RunConfig): string[] {
  const { sharePrompts, responses, perSample, settings } = algorithmOf(config);
  if (!sharePrompts) return [];
  const { micro_batch_size: micro, mini_batch_size: mini } = settings;
  const cut = (field: string, size: number, where: string) => {
    const times = Math.ceil(responses / Math.max(size, perSample));
    return times === 1 ? [] : [
      `${field} is ${size}, below the ${responses} responses to a prompt: a prompt is encoded ${times} times in ${where}; ` +
      `${responses} or more would encode it once`,
    ];
  };
  const section = config.algorithm;
  const pieces = mini % responses === 0 || mini < responses ? [] : [
    `${section}.mini_batch_size is ${mini}, not a multiple of the ${responses} responses to a prompt: ` +
    "some prompts are encoded for two updates",
  ];
  return [
    ...cut("rollout.group_size", config.rollout.group_size, "a rollout"),
    ...cut(`${section}.mini_batch_size`, mini, "an epoch of updates"),
    ...pieces,
    ...cut(`${section}.micro_batch_size`, micro, "a pass of the learner"),
  ];
}

/** The terms of the reward; one label of the reward service where none are given. */
export function rewardTermsOf(
  { rewards, reward_label: label, reward_input: input }: RunConfig,
): readonly RewardTermConfig[] {
  return rewards ?? rewardTerms.parse([{ name: "reward", kind: "classifier", label, input }]);
}

/** What decides a run's results: the section of its algorithm, whose name says which it is, and the rest. */
export function decisive({ algorithm, ...config }: RunConfig): object {
  const sections: readonly string[] = algorithmNames;
  const rest = Object.entries(config).filter(([field]) => !sections.includes(field));
  return { ...Object.fromEntries(rest), [algorithm]: config[algorithm] };
}

/** SHA-256 in hexadecimal of what decides a run's results, whatever the order of its fields. */
export function configHash(config: RunConfig): string {
  return createHash("sha256").update(canonicalJson(decisive(config))).digest("hex");
}

/** Dotted names of the fields in which two configurations differ. */
export function configDifferences(a: unknown, b: unknown, at = ""): string[] {
  if (isJsonObject(a) && isJsonObject(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
    return keys.flatMap((key) => configDifferences(a[key], b[key], at ? `${at}.${key}` : key));
  }
  return canonicalJson(a) === canonicalJson(b) ? [] : [at];
}

function canonicalJson(value: unknown): string {
  const sorted = (_: string, part: unknown) =>
    isJsonObject(part)
      ? Object.fromEntries(Object.entries(part).sort(([x], [y]) => x < y ? -1 : 1))
      : part;
  return JSON.stringify(value, sorted) ?? "null";
}
