import { rewardTerms } from "@decorum/rewards";
import { z } from "zod";
import { callFields } from "./security.ts";
import { addresses, executorFields, listenFields, name, positive, precision } from "./service.ts";

const label = name.default("hate").describe("The label whose probability is the toxicity.");

/** The section `evaluator`. */
export const evaluatorSection = z.strictObject({
  ...listenFields(50053),
  ...callFields,
  ...executorFields,
  precision: precision.describe(
    "What the classifier `toxicity` computes in. bf16 needs provider cuda.",
  ),
  policy: addresses.prefault(["127.0.0.1:50051"]).meta({
    description: "Addresses of the policy. A name may stand for several processes.",
    kind: "service",
    service: "policy",
  }),
  policy_wait_s: z.number().positive().default(60).meta({
    description: "Time that an evaluation waits for a policy that is away, before it fails.",
    unit: "s",
  }),
  toxicity: z.strictObject({
    model: name.meta({
      description: "A Hugging Face folder, or its name on the hub.",
      kind: "model",
      examples: ["facebook/roberta-hate-speech-dynabench-r4-target"],
    }),
    label,
  }).describe("The classifier that training is rewarded by."),
  judge: z.strictObject({
    model: name.meta({
      description:
        "An ONNX folder that Transformers.js runs, or the name of a classifier on the hub.",
      kind: "onnx",
      examples: ["cardiffnlp/twitter-roberta-base-hate-latest"],
    }),
    label,
  }).nullable().default(null)
    .describe("A second classifier, which is never the reward. null: none."),
  rewards: rewardTerms.nullable().default(null).describe(
    "Terms of a reward that are measured too, each with the fields of trainer.rewards. null: those of trainer.rewards, where this configuration has them. []: none.",
  ),
  batch: positive.default(32).meta({
    description: "Prompts of one request to the policy, and texts of one run of a classifier.",
    unit: "prompts",
  }),
  bootstrap: z.strictObject({
    samples: z.int().min(100).max(100_000).default(2000)
      .describe("Resamples where a request says nothing."),
  }).prefault({}).describe("Intervals of the results."),
  limits: z.strictObject({
    max_prompts: positive.default(10_000)
      .meta({ description: "Prompts of one evaluation.", unit: "prompts" }),
    max_evaluations: positive.default(2).describe("Evaluations at once."),
  }).prefault({}).describe("The most that callers may ask for."),
}).superRefine(({ rewards }, context) => {
  rewards?.forEach((term, i) => {
    if (term.kind !== "classifier" || term.service !== null) return;
    const message = "expected host:port of the reward service that holds the classifier, " +
      "since this configuration has no section trainer that says it";
    context.addIssue({ code: "custom", path: ["rewards", i, "service"], message });
  });
}).describe("The service that measures before and after.");

/** What the evaluator is started with. */
export type EvaluatorConfig = z.infer<typeof evaluatorSection>;
