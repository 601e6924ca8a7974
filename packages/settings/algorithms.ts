import { z } from "zod";

const positive = z.int().positive();
const count = z.int().nonnegative();
const fraction = z.number().min(0).max(1);

/** Settings that every algorithm has. */
const loop = {
  learning_rate: z.number().positive().default(1.41e-5),
  /** Responses of a step. */
  batch_size: positive.default(16),
  mini_batch_size: positive.default(4),
  /** Sequences in one run of the gradient graph: memory, not results. */
  micro_batch_size: positive.default(4),
  steps: count.default(100),
  /** KL per sequence that the adaptive controller aims at, in nats. */
  target: z.number().positive().default(6),
  horizon: z.number().positive().default(10_000),
  max_grad_norm: z.number().positive().nullable().default(1),
  temperature: z.number().positive().default(1),
  top_k: count.default(0),
  top_p: z.number().positive().max(1).default(1),
  min_new_tokens: count.default(0),
  max_new_tokens: positive.default(64),
  /** Draws max_new_tokens of each sequence from min up to, but not including, max. */
  length_sampler: z.strictObject({ min: positive, max: positive }).nullable().default(null),
  use_score_scaling: z.boolean().default(false),
  use_score_norm: z.boolean().default(false),
  score_clip: z.number().positive().nullable().default(null),
  missing_eos_penalty: z.number().nonnegative().nullable().default(null),
  /** Nats per token; the epochs of a step end when an epoch's mean approxkl is beyond 1.5 times it. */
  target_kl: z.number().positive().nullable().default(null),
  log_ratio_clamp: z.number().positive().nullable().default(null),
  lr_scheduler_type: z.enum(["constant", "linear"]).default("constant"),
  optimizer: z.enum(["adam", "adamw"]).default("adam"),
  adam_eps: z.number().positive().default(1e-5),
  weight_decay: z.number().nonnegative().default(0),
};

/** Settings that the algorithms without a value head have in common, under TRL's names. */
const group = {
  ...loop,
  /** One update of a batch, as TRL's. */
  mini_batch_size: positive.default(16),
  /** Epochs over a batch. */
  num_iterations: positive.default(1),
  epsilon: z.number().positive().default(0.2),
  /** Null: epsilon. */
  epsilon_high: z.number().positive().nullable().default(null),
  /** Whether beta is steered towards target. */
  adap_kl_ctrl: z.boolean().default(false),
};

/** The section `ppo`. */
export const ppoConfig = z.strictObject({
  ...loop,
  ppo_epochs: positive.default(4),
  gamma: fraction.default(1),
  lam: fraction.default(0.95),
  cliprange: z.number().positive().default(0.2),
  cliprange_value: z.number().positive().default(0.2),
  vf_coef: z.number().nonnegative().default(0.1),
  entropy_coef: z.number().nonnegative().default(0),
  init_kl_coef: z.number().nonnegative().default(0.2),
  adap_kl_ctrl: z.boolean().default(true),
  kl_penalty: z.enum(["kl", "abs", "mse", "k3", "full"]).default("kl"),
  whiten_rewards: z.boolean().default(false),
  /** First steps in which only the value head learns. */
  value_warmup_steps: count.default(0),
}).superRefine(checkLoop);

/** The section `grpo`. */
export const grpoConfig = z.strictObject({
  ...group,
  /** Responses to a prompt. */
  num_generations: z.int().min(2).default(8),
  /** Weight of the KL, k3, in the loss. */
  beta: z.number().nonnegative().default(0.04),
  loss_type: z.enum(["grpo", "bnpo", "dr_grpo"]).default("bnpo"),
  scale_rewards: z.enum(["group", "batch", "none"]).default("group"),
}).superRefine((p, context) => {
  checkLoop(p, context);
  checkGroups(p, "num_generations", p.num_generations, context);
});

/** The section `rloo`. */
export const rlooConfig = z.strictObject({
  ...group,
  /** Responses to a prompt. */
  rloo_k: z.int().min(2).default(2),
  /** Weight of the KL, k1, in the reward. */
  beta: z.number().nonnegative().default(0.05),
  normalize_advantages: z.boolean().default(false),
}).superRefine((p, context) => {
  checkLoop(p, context);
  checkGroups(p, "rloo_k", p.rloo_k, context);
});

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
