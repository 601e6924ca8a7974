import { z } from "zod";
import { callConfig } from "./security.ts";
import { addresses, executorConfig, listenConfig } from "./service.ts";

const positive = z.int().positive();

const classifier = {
  /** Label whose probability is the toxicity. */
  label: z.string().min(1).default("hate"),
};

const schema = z.strictObject({
  ...listenConfig,
  ...callConfig,
  listen: listenConfig.listen.default("127.0.0.1:50053"),
  ...executorConfig,
  /** Addresses of the policy; a name may stand for several processes. */
  policy: addresses.default(["127.0.0.1:50051"]),
  /** Seconds that an evaluation waits for a policy that is away, before it fails. */
  policy_wait_s: z.number().positive().default(60),
  /** The classifier that training is rewarded by: a Hugging Face folder. */
  toxicity: z.strictObject({ model: z.string().min(1), ...classifier }),
  /** A classifier of its own, never the reward: an ONNX folder, run by Transformers.js; null for none. */
  judge: z.strictObject({ model: z.string().min(1), ...classifier }).nullable().default(null),
  /** Prompts of one request to the policy, and texts of one run of a classifier. */
  batch: positive.default(32),
  bootstrap: z.strictObject({
    /** Resamples where a request says nothing. */
    samples: z.int().min(100).max(100_000).default(2000),
  }).prefault({}),
  limits: z.strictObject({
    /** Prompts of one evaluation. */
    max_prompts: positive.default(10_000),
    /** Evaluations at once. */
    max_evaluations: positive.default(2),
  }).prefault({}),
});

/** The section `evaluator` of the configuration. */
export type EvaluatorConfig = z.infer<typeof schema>;
/** Its schema, with all defaults but the models. */
export const evaluatorConfig: z.ZodType<EvaluatorConfig> = schema;
