import { z } from "zod";
import type { ModelConfig } from "./model.ts";
import { executorFields, listenFields } from "./service.ts";

/** The section `learner`. */
export const learnerSection = z.strictObject({
  ...listenFields(50055),
  ...executorFields,
}).describe(
  "The service that computes for the trainer: log-probabilities and gradients. Optional: without learners the trainer computes everything itself.",
);

/** What a learner is started with. */
export type LearnerConfig = z.infer<typeof learnerSection> & { readonly model: ModelConfig };
