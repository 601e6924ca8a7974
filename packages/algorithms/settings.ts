import { z } from "zod";

const positive = z.int().positive();
const count = z.int().nonnegative();

/** Settings that every algorithm has, under TRL's names. */
export const loopSettings = {
  learning_rate: z.number().positive().default(1.41e-5).describe("Step size of the optimizer."),
  lr_scheduler_type: z.enum(["constant", "linear"]).default("constant")
    .describe("How learning_rate changes. linear: down to 0 at the last step."),
  optimizer: z.enum(["adam", "adamw"]).default("adam").describe("Which Adam."),
  adam_eps: z.number().positive().default(1e-5).describe("Epsilon of Adam."),
  weight_decay: z.number().nonnegative().default(0).describe("Weight decay of the optimizer."),
  max_grad_norm: z.number().positive().nullable().default(1)
    .describe("Largest global norm of a gradient. null: any."),
  steps: count.default(100).meta({ description: "Length of the run.", unit: "steps" }),
  batch_size: positive.default(16)
    .meta({ description: "Responses of one step.", unit: "responses" }),
  mini_batch_size: positive.default(4)
    .meta({ description: "Responses of one update.", unit: "responses" }),
  micro_batch_size: positive.default(4).meta({
    description: "Responses in one run of the gradient graph: it bounds memory, not results.",
    unit: "responses",
  }),
  temperature: z.number().positive().default(1).describe("Temperature of the responses."),
  top_k: count.default(0).describe("Only the top_k most probable tokens are drawn. 0: all."),
  top_p: z.number().positive().max(1).default(1)
    .describe("Only the most probable tokens that sum to top_p are drawn. 1: all."),
  min_new_tokens: count.default(0)
    .meta({ description: "Shortest response.", unit: "tokens" }),
  max_new_tokens: positive.default(64)
    .meta({ description: "Longest response.", unit: "tokens" }),
  length_sampler: z.strictObject({
    min: positive.meta({ description: "Smallest value that is drawn.", unit: "tokens" }),
    max: positive.meta({ description: "Upper bound; it is not drawn itself.", unit: "tokens" }),
  }).nullable().default(null)
    .describe("Draws max_new_tokens of each response. null: max_new_tokens itself."),
  use_score_scaling: z.boolean().default(false)
    .describe("Whether scores are divided by the standard deviation of all so far."),
  use_score_norm: z.boolean().default(false)
    .describe("Whether scores are also centred by the mean of all so far."),
  score_clip: z.number().positive().nullable().default(null)
    .describe("Limit on the size of a score. null: none."),
  missing_eos_penalty: z.number().nonnegative().nullable().default(null)
    .describe("What is subtracted from the score of a response without an end. null: nothing."),
};

/** Settings of a clipped ratio of probabilities that is updated more than once. */
export const ratioSettings = {
  target_kl: z.number().positive().nullable().default(null).meta({
    description:
      "The epochs of a step end when an epoch's mean approxkl is above 1.5 times this. null: never.",
    unit: "nats per token",
  }),
  log_ratio_clamp: z.number().positive().nullable().default(null)
    .describe("Limit on the logarithm of the ratio before exp. null: none."),
};

/** Settings of algorithms that have several responses to a prompt in a batch. */
export const sharingSettings = {
  share_prompts: z.boolean().default(true).describe(
    "Whether a prompt is encoded once for all of its responses, in rollouts, reference and updates. Mini-batches are then made of " +
      "whole prompts. Sums are taken in another order, so results differ in their last bits.",
  ),
};

/** Settings of the KL coefficient's controller. */
export const klSettings = {
  target: z.number().positive().default(6).meta({
    description: "KL of a response that the adaptive controller aims at.",
    unit: "nats",
  }),
  horizon: z.number().positive().default(10_000).meta({
    description: "How slowly the adaptive controller changes the KL coefficient.",
    unit: "responses",
  }),
};

/** Settings that GRPO and RLOO have in common. */
export const groupSettings = {
  ...loopSettings,
  ...sharingSettings,
  ...ratioSettings,
  ...klSettings,
  mini_batch_size: positive.default(16)
    .meta({ description: "Responses of one update.", unit: "responses" }),
  num_iterations: positive.default(1)
    .meta({ description: "Epochs over a batch.", unit: "epochs" }),
  epsilon: z.number().positive().default(0.2)
    .describe("Ratios are clipped to 1 - epsilon .. 1 + epsilon_high."),
  epsilon_high: z.number().positive().nullable().default(null)
    .describe("Upper bound of the clip. null: epsilon."),
  adap_kl_ctrl: z.boolean().default(false)
    .describe("Whether beta is steered towards `target`."),
};

/** Settings that every algorithm has. */
export type LoopSettings = z.infer<z.ZodObject<typeof loopSettings>>;

/** Checks settings against each other. */
export function checkLoop(p: LoopSettings, context: z.RefinementCtx): void {
  const wrong = (field: string, message: string) => problem(context, field, message, p);
  if (p.mini_batch_size > p.batch_size) {
    wrong("mini_batch_size", `expected at most batch_size, ${p.batch_size}`);
  }
  if (p.min_new_tokens > p.max_new_tokens) {
    wrong("min_new_tokens", `expected at most max_new_tokens, ${p.max_new_tokens}`);
  }
  const { length_sampler: lengths } = p;
  if (lengths && lengths.min >= lengths.max) wrong("length_sampler", "expected min below max");
  if (lengths && lengths.min < p.min_new_tokens) {
    wrong("length_sampler", `expected min of at least min_new_tokens, ${p.min_new_tokens}`);
  }
  if (p.use_score_norm && !p.use_score_scaling) {
    wrong("use_score_norm", "expected use_score_scaling with it, as in TRL");
  }
}

/** Every prompt of a batch has the same number of responses in it, which `field` gives. */
export function checkGroups(
  p: LoopSettings,
  field: string,
  size: number,
  context: z.RefinementCtx,
): void {
  if (p.batch_size % size === 0) return;
  problem(context, "batch_size", `expected a multiple of ${field}, ${size}`, p);
}

function problem(
  context: z.RefinementCtx,
  field: string,
  message: string,
  input: LoopSettings,
): void {
  context.addIssue({ code: "custom", path: [field], message, input });
}
