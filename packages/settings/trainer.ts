import { z } from "zod";
import type { ModelConfig } from "./model.ts";
import { runFields } from "./run.ts";
import { pageNames } from "./ui.ts";
import { callFields, secret } from "./security.ts";
import { address, addresses, executorFields, listenFields, name } from "./service.ts";

/** Ids of runs are names of folders too. */
export const RUN_ID: RegExp = /^(?!\.)(?!decorum\.db)[A-Za-z0-9._-]{1,100}$/;

/** What {@link RUN_ID} takes, for messages. */
export const RUN_ID_RULE =
  "expected 1 to 100 letters, digits, dots, dashes and underscores, no dot first";

/** The section `trainer`: the process, and what a run is made of unless `StartRun` says otherwise. */
export const trainerSection = z.strictObject({
  ...listenFields(50054),
  ...callFields,
  ...executorFields,
  policy: addresses.prefault(["127.0.0.1:50051"]).meta({
    description:
      "Policies that generate. A name with several addresses stands for all of them. Results do not depend on how many there are.",
    kind: "service",
    service: "policy",
  }),
  reward: address.default("127.0.0.1:50052")
    .meta({ description: "Address of the reward.", kind: "service", service: "reward" }),
  evaluator: address.nullable().default(null).meta({
    description: "Address of the evaluator. null: runs are not evaluated while they train.",
    kind: "service",
    service: "evaluator",
  }),
  learners: z.union([address.transform((one) => [one]), z.array(address)], {
    error: 'expected "host:port", or a list of such',
  }).prefault([]).meta({
    description:
      "Learners that compute log-probabilities and gradients. A name with several addresses stands for all of them. Results do not depend on how many there are. Empty: this process computes.",
    kind: "service",
    service: "learner",
  }),
  learner_deadline_s: z.number().positive().max(3600).default(600).meta({
    description:
      "Time that a learner has for one micro-batch. After it the learner counts as hung, and another one computes the same.",
    unit: "s",
  }),
  allow_different_learners: z.boolean().default(false).describe(
    "Whether a learner may have another processor, onnxruntime, provider, precision or number of threads than this process. " +
      "Results may then differ in their last bits, from run to run; the run's events say it. false: it is left out.",
  ),
  runs: name.default("runs")
    .meta({ description: "Folder of the runs: database, checkpoints, adapters.", kind: "folder" }),
  ui_listen: address.nullable().default(null).meta({
    description:
      "Address of the page of runs, as 127.0.0.1:8080. On loopback everybody may read it. Elsewhere it needs tls and a token. null: no page.",
    kind: "listen",
  }),
  ui_tokens: secret.nullable().default(null).describe(
    "A file with the tokens that the page needs for what changes a run, as `decorum token` writes it. null: those of `tokens`.",
  ),
  ui_names: pageNames,
  run: z.string().regex(RUN_ID, RUN_ID_RULE).nullable().default(null).describe(
    "The one run that this process exists for: it starts the run, or continues it from its last checkpoint, and ends with it " +
      "(exit code 0: done; 1: failed; 2: bad settings; 75: SIGTERM came before the end). null: calls start runs.",
  ),
  ...runFields,
}).describe("The service that trains.");

/** What the trainer is started with. */
export type TrainerConfig = z.infer<typeof trainerSection> & { readonly model: ModelConfig };
