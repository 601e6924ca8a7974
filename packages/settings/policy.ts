import { z } from "zod";
import { executorConfig, listenConfig } from "./service.ts";

const positive = z.int().positive();

const schema = z.strictObject({
  ...listenConfig,
  listen: listenConfig.listen.default("127.0.0.1:50051"),
  ...executorConfig,
  /** A Hugging Face T5 folder: the base model. */
  model: z.string().min(1),
  /** A PEFT adapter folder that training starts from; null: the base is START. */
  start_adapter: z.string().min(1).nullable().default(null),
  /** What adapters look like, those pushed and `start_adapter`; names are PEFT's. */
  lora: z.strictObject({
    r: positive.default(32),
    lora_alpha: z.number().positive().default(32),
    /** Belongs to training; read here so that trainer and policy can share the section. */
    lora_dropout: z.number().min(0).lt(1).default(0.05),
    target_modules: z.array(z.string().min(1)).min(1).default(["q", "v"]),
  }).prefault({}),
  limits: z.strictObject({
    /** Prompts in one request. */
    max_prompts: positive.default(64),
    /** Tokens of one prompt, special tokens included. */
    max_prompt_tokens: positive.default(1024),
    /** Tokens generated for one prompt. */
    max_new_tokens: positive.default(512),
    /** Requests that wait. */
    max_queue: positive.default(64),
    /** Padded tokens of the requests that wait. */
    max_queue_tokens: positive.default(262_144),
  }).prefault({}),
  /** Requests that are not groups of the trainer may run together. */
  batching: z.strictObject({
    max_prompts: positive.default(32),
    /** Padded tokens of a batch: prompts times (longest prompt + most new tokens). */
    max_tokens: positive.default(16_384),
    /** Time that a request waits for others while nothing runs. */
    max_delay_ms: z.number().min(0).max(1000).default(2),
  }).prefault({}),
  /** Tokens between two chunks of a stream. */
  stream_tokens: positive.default(8),
  /** Versions of a run that are held. */
  keep_versions: z.int().min(2).default(2),
  /** Runs that are held; the one that pushed longest ago goes first. */
  keep_runs: positive.default(4),
}).superRefine(({ limits, batching }, context) => {
  const { max_prompts, max_prompt_tokens, max_new_tokens, max_queue_tokens } = limits;
  const longest = max_prompt_tokens + max_new_tokens;
  const atLeast = (path: string[], found: number, least: number, formula: string) => {
    if (found >= least) return;
    const message = `expected at least ${formula} = ${least}, ` +
      "else a request within the other limits could never be taken";
    context.addIssue({ code: "custom", path, message });
  };
  atLeast(
    ["limits", "max_queue_tokens"],
    max_queue_tokens,
    max_prompts * longest,
    "max_prompts * (max_prompt_tokens + max_new_tokens)",
  );
  atLeast(
    ["batching", "max_tokens"],
    batching.max_tokens,
    longest,
    "limits.max_prompt_tokens + limits.max_new_tokens",
  );
});

/** The section `policy` of the configuration. */
export type PolicyConfig = z.infer<typeof schema>;
/** Its schema, with all defaults but `model`. */
export const policyConfig: z.ZodType<PolicyConfig> = schema;
