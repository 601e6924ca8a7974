import { z } from "zod";

const positive = z.int().positive();
const count = z.int().nonnegative();
const fraction = z.number().min(0).max(1);

/** Settings that every algorithm has, under TRL's names. */
const loop = {
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
  target: z.number().positive().default(6).meta({
    description: "KL of a response that the adaptive controller aims at.",
    unit: "nats",
  }),
  horizon: z.number().positive().default(10_000).meta({
    description: "How slowly the adaptive controller changes the KL coefficient.",
    unit: "responses",
  }),
  target_kl: z.number().positive().nullable().default(null).meta({
    description:
      "The epochs of a step end when an epoch's mean approxkl is above 1.5 times this. null: never.",
    unit: "nats per token",
  }),
  log_ratio_clamp: z.number().positive().nullable().default(null)
    .describe("Limit on the logarithm of the ratio before exp. null: none."),
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
    max: positive.meta({ description: "Bound of the values: it is not drawn.", unit: "tokens" }),
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

/** Settings that the algorithms without a value head have in common, under TRL's names. */
const group = {
  ...loop,
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

/** The section `ppo`. */
export const ppoConfig = z.strictObject({
  ...loop,
  ppo_epochs: positive.default(4).meta({ description: "Epochs over a batch.", unit: "epochs" }),
  gamma: fraction.default(1).describe("Discount of later rewards."),
  lam: fraction.default(0.95)
    .describe("Lambda of generalised advantage estimation."),
  cliprange: z.number().positive().default(0.2)
    .describe("Ratios are clipped to 1 - cliprange .. 1 + cliprange."),
  cliprange_value: z.number().positive().default(0.2)
    .describe("How far a value may move from the one at rollout before its loss is clipped."),
  vf_coef: z.number().nonnegative().default(0.1).describe("Weight of the value loss."),
  entropy_coef: z.number().nonnegative().default(0)
    .describe("Weight of the entropy, which is subtracted from the loss."),
  init_kl_coef: z.number().nonnegative().default(0.2)
    .describe("KL coefficient that a run begins with."),
  adap_kl_ctrl: z.boolean().default(true)
    .describe("Whether the KL coefficient is steered towards `target`."),
  kl_penalty: z.enum(["kl", "abs", "mse", "k3", "full"]).default("kl").describe(
    "How the KL of a token is estimated. full: exactly, over the whole vocabulary, by one more forward pass of both models.",
  ),
  whiten_rewards: z.boolean().default(false)
    .describe("Whether the rewards of a batch are scaled to unit variance."),
  value_warmup_steps: count.default(0)
    .meta({ description: "First steps, in which only the value head learns.", unit: "steps" }),
}).superRefine(checkLoop)
  .describe("Proximal policy optimisation, with a value head.");

/** The section `grpo`. */
export const grpoConfig = z.strictObject({
  ...group,
  num_generations: z.int().min(2).default(8).describe(
    "Responses to a prompt. A step has batch_size / num_generations prompts.",
  ),
  beta: z.number().nonnegative().default(0.04)
    .describe("Weight of the KL to the reference (k3) in the loss."),
  loss_type: z.enum(["grpo", "bnpo", "dr_grpo"]).default("bnpo").describe(
    "How tokens add up. bnpo: the mean over the mini-batch's tokens (TRL's dapo). grpo: the mean of each response's mean. " +
      "dr_grpo: the sum over mini_batch_size x max_new_tokens.",
  ),
  scale_rewards: z.enum(["group", "batch", "none"]).default("group").describe(
    "What advantages are divided by: the standard deviation of their group, of the batch, or nothing.",
  ),
}).superRefine((p, context) => {
  checkLoop(p, context);
  checkGroups(p, "num_generations", p.num_generations, context);
}).describe(
  "Group relative policy optimisation: responses to a prompt are compared with each other; no value head.",
);

/** The section `rloo`. */
export const rlooConfig = z.strictObject({
  ...group,
  rloo_k: z.int().min(2).default(2).describe(
    "Responses to a prompt (num_generations of TRL 1.x). A step has batch_size / rloo_k prompts.",
  ),
  beta: z.number().nonnegative().default(0.05)
    .describe("Weight of the KL to the reference (k1, summed over a response) in its reward."),
  normalize_advantages: z.boolean().default(false).describe(
    "Whether advantages are centred over the batch and divided by their standard deviation.",
  ),
}).superRefine((p, context) => {
  checkLoop(p, context);
  checkGroups(p, "rloo_k", p.rloo_k, context);
}).describe(
  "REINFORCE leave one out: a whole response is one action, compared with the others to its prompt; no value head.",
);

/** Settings that every algorithm has. */
export type LoopConfig = z.infer<z.ZodObject<typeof loop>>;

function problem(
  context: z.RefinementCtx,
  field: string,
  message: string,
  input: LoopConfig,
): void {
  context.addIssue({ code: "custom", path: [field], message, input });
}

function checkLoop(p: LoopConfig, context: z.RefinementCtx): void {
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

/** Every prompt of a batch has the same number of responses in it. */
function checkGroups(p: LoopConfig, field: string, size: number, context: z.RefinementCtx): void {
  if (p.batch_size % size === 0) return;
  problem(context, "batch_size", `expected a multiple of ${field}, ${size}`, p);
}
