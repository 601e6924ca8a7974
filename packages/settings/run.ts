import { createHash } from "node:crypto";
import { z } from "zod";
import { ConfigError } from "./load.ts";
import type { LoraConfig } from "@decorum/models";
import { grpoConfig, ppoConfig, rlooConfig } from "./algorithms.ts";

const positive = z.int().positive();
const count = z.int().nonnegative();
const path = z.string().min(1);

const lora = z.strictObject({
  r: positive.default(32),
  lora_alpha: z.number().positive().default(32),
  /** Written into the adapter; PPO itself never drops, since every forward's log-probabilities are used. */
  lora_dropout: z.number().min(0).lt(1).default(0.05),
  target_modules: z.array(z.string().min(1)).min(1).default(["q", "v"]),
});

const data = z.strictObject({
  /** CSV with a header, or one JSON object a line. */
  train: path,
  /** Null: by the file's extension. */
  format: z.enum(["csv", "jsonl"]).nullable().default(null),
  /** Template of the prompt; {column} is filled, {{ and }} are braces. */
  prompt: z.string().min(1),
  /** Columns that the files must have; null: those that are used. */
  columns: z.array(z.string().min(1)).nullable().default(null),
  /** Column that min_chars and max_chars are about; null: the first of the prompt. */
  length_column: z.string().min(1).nullable().default(null),
  /** Rows with fewer or more characters (Unicode code points) are left out. */
  min_chars: count.default(0),
  max_chars: positive.nullable().default(null),
  /** Longest prompt in tokens; null: what the policy takes. */
  max_prompt_tokens: positive.nullable().default(null),
  /** What becomes of a prompt beyond max_prompt_tokens. */
  over_length: z.enum(["error", "drop"]).default("error"),
  /** Shares of the parts of the file, which sum to 1; "train" is trained on. Null: all of it. */
  split: z.record(z.string(), z.number().positive()).nullable().default(null),
  /** File of held-out rows; null: the part eval_split of the training file. */
  eval: path.nullable().default(null),
  eval_split: z.string().min(1).default("test"),
  /** Column with the human text that ROUGE compares with. */
  reference_column: z.string().min(1).nullable().default(null),
});

/** The fields of a run's configuration: everything that decides its results. */
export const runFields = {
  /** A Hugging Face T5 folder: the base model. */
  model: path,
  /** A PEFT adapter folder to start from, which is then the reference; null: a new adapter on the base. */
  start_adapter: path.nullable().default(null),
  lora: lora.prefault({}),
  data,
  /** How the policy learns; only the section of that name counts. */
  algorithm: z.enum(["ppo", "grpo", "rloo"]).default("ppo"),
  ppo: ppoConfig.prefault({}),
  grpo: grpoConfig.prefault({}),
  rloo: rlooConfig.prefault({}),
  rollout: z.strictObject({
    /** Prompts that a policy executes as one padded batch. */
    group_size: positive.default(8),
    /** The next step's rollouts and scores are made while a step is learned, by the weights before it. */
    overlap: z.boolean().default(false),
  }).prefault({}),
  /** What is scored: the response alone, or prompt and response as a pair. */
  reward_input: z.enum(["response", "pair"]).default("response"),
  /** Label whose raw logit is the score; null: the reward service's default. */
  reward_label: z.string().min(1).nullable().default(null),
  /** Control: the score of every response, whatever the reward model says; null: its own. */
  constant_score: z.number().nullable().default(null),
  checkpoint: z.strictObject({
    /** Steps between two checkpoints; 0: at the end alone. */
    every_steps: count.default(10),
    /** Newest checkpoints that are kept. */
    keep: positive.default(3),
  }).prefault({}),
  evaluate: z.strictObject({
    /** Steps between two evaluations, the last step counted in; 0: none. */
    every_steps: count.default(0),
    prompts: z.int().min(2).default(32),
  }).prefault({}),
  seed: z.int().nonnegative().default(0),
  precision: z.enum(["fp32", "fp16", "bf16"]).default("fp32"),
} as const;

const schema = z.strictObject(runFields).superRefine((run, context) => {
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
 * A run's configuration from that of the service and a caller's changes.
 *
 * @param overrides JSON of an object; its fields win, objects are merged field by field
 * @throws ConfigError with every fault at once
 */
export function parseRunConfig(base: RunConfig, overrides = ""): RunConfig {
  let changes: unknown = {};
  if (overrides.trim() !== "") {
    try {
      changes = JSON.parse(overrides);
    } catch (cause) {
      throw new ConfigError([`config_json: expected JSON, but ${(cause as Error).message}`]);
    }
  }
  if (!isObject(changes)) {
    throw new ConfigError([`config_json is ${JSON.stringify(changes)}: expected an object`]);
  }
  const merged = merge(base, changes);
  const result = schema.safeParse(merged);
  if (result.success) return result.data;
  throw new ConfigError(result.error.issues.map(({ path: at, message }) => {
    const found = at.reduce<unknown>(
      (part, key) => isObject(part) ? part[String(key)] : part,
      merged,
    );
    return `${at.join(".") || "config_json"} is ${JSON.stringify(found) ?? "missing"}: ${message}`;
  }));
}

/** The settings of the run's algorithm: those that all have, and its own. */
export function settingsOf(config: RunConfig): RunConfig[RunConfig["algorithm"]] {
  return config[config.algorithm];
}

/** Responses to a prompt in a batch. */
export function groupSizeOf({ algorithm, grpo, rloo }: RunConfig): number {
  return { ppo: 1, grpo: grpo.num_generations, rloo: rloo.rloo_k }[algorithm];
}

/** Epochs over a batch, where none ends early. */
export function epochsOf({ algorithm, ppo, grpo, rloo }: RunConfig): number {
  return { ppo: ppo.ppo_epochs, grpo: grpo.num_iterations, rloo: rloo.num_iterations }[algorithm];
}

/** The KL coefficient that a run begins with. */
export function initialKlCoefOf({ algorithm, ppo, grpo, rloo }: RunConfig): number {
  return { ppo: ppo.init_kl_coef, grpo: grpo.beta, rloo: rloo.beta }[algorithm];
}

/** What decides a run's results: the section of its algorithm, whose name says which it is, and the rest. */
export function decisive(config: RunConfig): object {
  const { algorithm, ppo: _, grpo: __, rloo: ___, ...rest } = config;
  return { ...rest, [algorithm]: settingsOf(config) };
}

/** SHA-256 in hexadecimal of what decides a run's results, whatever the order of its fields. */
export function configHash(config: RunConfig): string {
  return createHash("sha256").update(canonicalJson(decisive(config))).digest("hex");
}

/** Dotted names of the fields in which two configurations differ. */
export function configDifferences(a: unknown, b: unknown, at = ""): string[] {
  if (isObject(a) && isObject(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
    return keys.flatMap((key) => configDifferences(a[key], b[key], at ? `${at}.${key}` : key));
  }
  return canonicalJson(a) === canonicalJson(b) ? [] : [at];
}

/** `lora` in the project's words. */
export function loraConfigOf({ lora }: Pick<RunConfig, "lora">): LoraConfig {
  return {
    r: lora.r,
    loraAlpha: lora.lora_alpha,
    loraDropout: lora.lora_dropout,
    targetModules: lora.target_modules,
  };
}

function canonicalJson(value: unknown): string {
  const sorted = (_: string, part: unknown) =>
    isObject(part)
      ? Object.fromEntries(Object.entries(part).sort(([x], [y]) => x < y ? -1 : 1))
      : part;
  return JSON.stringify(value, sorted) ?? "null";
}

function merge(base: unknown, changes: unknown): unknown {
  if (!isObject(base) || !isObject(changes)) return changes;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(changes)) merged[key] = merge(base[key], value);
  return merged;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
