import { z } from "zod";
import type { ModelConfig } from "./model.ts";
import { executorFields, listenFields, positive } from "./service.ts";

/** The section `policy`. */
export const policySection = z.strictObject({
  ...listenFields(50051),
  ...executorFields,
  limits: z.strictObject({
    max_prompts: positive.default(64)
      .meta({ description: "Prompts in one request.", unit: "prompts" }),
    max_prompt_tokens: positive.default(1024)
      .meta({ description: "Length of one prompt, special tokens included.", unit: "tokens" }),
    max_new_tokens: positive.default(512)
      .meta({ description: "Length of one response.", unit: "tokens" }),
    max_queue: positive.default(64)
      .meta({ description: "Requests that wait.", unit: "requests" }),
    max_queue_tokens: positive.default(262_144)
      .meta({ description: "Padded tokens of the requests that wait.", unit: "tokens" }),
  }).prefault({}).describe(
    "The most that one request may ask for, and the most that may wait. A caller above it is refused and may come back later.",
  ),
  batching: z.strictObject({
    max_prompts: positive.default(32)
      .meta({ description: "Prompts of one batch.", unit: "prompts" }),
    max_tokens: positive.default(16_384).meta({
      description: "Padded tokens of one batch: prompts times (longest prompt + most new tokens).",
      unit: "tokens",
    }),
    max_delay_ms: z.number().min(0).max(1000).default(2).meta({
      description: "Time that a request waits for others while nothing runs.",
      unit: "ms",
    }),
  }).prefault({}).describe("Requests that are not groups of the trainer may run together."),
  stream_tokens: positive.default(8)
    .meta({ description: "Tokens between two chunks of a stream.", unit: "tokens" }),
  keep_versions: z.int().min(2).default(2)
    .describe("Versions of a run's weights that are held."),
  keep_runs: positive.default(4)
    .describe("Runs whose weights are held. The one that pushed longest ago goes first."),
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
}).describe("The service that generates.");

/** What the policy is started with. */
export type PolicyConfig = z.infer<typeof policySection> & { readonly model: ModelConfig };
