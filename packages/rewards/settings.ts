import { z } from "zod";
import { parseExpression } from "./expression.ts";

const name = z.string().min(1);
const positive = z.int().positive();
const seconds = z.number().positive();

const expression = name.superRefine((source, context) => {
  try {
    parseExpression(source);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
  }
});

/** What every term has. */
const term = {
  name: z.string().regex(/^[A-Za-z0-9_.-]+$/, "expected letters, digits, _ . and -").meta({
    description: "Its name in metrics (rewards/<name>/mean), samples and reports.",
    examples: ["civil"],
  }),
  weight: z.number().default(1).describe("The term's score is multiplied by it."),
};

const input = z.enum(["response", "pair"]).default("response")
  .describe("What is scored: the response alone, or prompt and response as a pair.");

/** What every term of another system has. */
const remote = {
  tls: z.strictObject({
    ca: name.meta({ description: "Authorities that sign the server.", kind: "certificate" }),
    cert: name.nullable().default(null).meta({
      description: "Certificate to show. null: none.",
      kind: "certificate",
    }),
    key: name.nullable().default(null).meta({ description: "Its private key.", kind: "secret" }),
  }).nullable().default(null).describe("PEM files. null: plaintext, to this machine only."),
  insecure: z.boolean().default(false).describe("true: plaintext to other machines too."),
  token_file: name.nullable().default(null).meta({
    description: "A file with the bearer token to send. null: none.",
    kind: "secret",
  }),
  batch_size: positive.default(16).meta({
    description: "Most responses in one call.",
    unit: "responses",
  }),
  concurrency: positive.default(4).describe("Most calls at the same time."),
  time_limit_s: seconds.default(60).meta({
    description: "Time that one call may take.",
    unit: "s",
  }),
  wait_limit_s: z.number().nonnegative().default(600).meta({
    description: "How long a server may be away, overloaded or faulty before the run fails.",
    unit: "s",
  }),
};

const classifier = z.strictObject({
  ...term,
  kind: z.literal("classifier"),
  service: name.nullable().default(null).meta({
    description: "host:port of the reward service that holds it. null: the one of trainer.reward.",
    kind: "service",
    service: "reward",
  }),
  label: name.nullable().default(null)
    .describe("The label whose value is the score. null: the service's default label."),
  expression: expression.nullable().default(null).describe(
    'A linear expression of labels instead of one, labels in double quotes: -"toxic", "nothate" - "hate". null: `label`.',
  ),
  activation: z.enum(["logit", "probability"]).default("logit").describe(
    "Whether labels stand for raw logits or for probabilities (sigmoid or softmax as the model's problem_type says).",
  ),
  input,
}).refine(({ label, expression }) => label === null || expression === null, {
  path: ["expression"],
  message: "expected label or expression, not both",
});

const openrlhf = z.strictObject({
  ...term,
  kind: z.literal("openrlhf"),
  address: name.meta({
    description: "URL of POST /get_reward.",
    kind: "url",
    examples: ["http://127.0.0.1:5000/get_reward"],
  }),
  ...remote,
});

const inference = z.strictObject({
  ...term,
  kind: z.literal("inference"),
  address: name.meta({
    description: "host:port of the gRPC server.",
    kind: "server",
    examples: ["127.0.0.1:8001"],
  }),
  model: name.meta({ description: "The model's name there.", examples: ["reward"] }),
  model_version: z.string().default("").describe("Empty: the server's choice."),
  inputs: z.strictObject({
    response: name.default("text").describe("The BYTES input that takes the response."),
    prompt: name.nullable().default(null).describe("The one that takes the prompt. null: none."),
  }).prefault({}).describe("Names of the inputs."),
  input_shape: z.array(z.int()).min(1).max(2).default([-1])
    .describe("Shape of the inputs; -1 stands for the number of responses in a call."),
  output: z.strictObject({
    name: name.default("score").describe("The FP32 or FP64 output with the scores."),
    column: z.int().nonnegative().default(0).describe(
      "Column of that output that holds the score, from 0.",
    ),
  }).prefault({}).describe("Where the scores stand."),
  ...remote,
});

const tei = z.strictObject({
  ...term,
  kind: z.literal("tei"),
  address: name.meta({
    description: "host:port of the gRPC server, or the URL of the HTTP one.",
    kind: "server",
    examples: ["http://127.0.0.1:8080"],
  }),
  expression: expression.meta({
    description:
      "A linear expression of the labels that the server answers with, labels in double quotes.",
    examples: ['-"toxic"'],
  }),
  raw_scores: z.boolean().default(true).describe("true: raw logits; false: probabilities."),
  input,
  ...remote,
});

const code = z.strictObject({
  ...term,
  kind: z.literal("code"),
  module: name.meta({
    description: "A TypeScript or JavaScript file that exports the function.",
    kind: "readable",
    examples: ["my_reward.ts"],
  }),
  export: name.default("reward").describe("Name of the exported function."),
  allow: z.strictObject({
    read: z.array(name).default([]).describe("Files and folders that it may read."),
    net: z.array(name).default([]).describe("Hosts that it may call, as host or host:port."),
    env: z.array(name).default([]).describe("Environment variables that it may read."),
    npm: z.boolean().default(false).describe("Whether it may import npm: packages."),
  }).prefault({}).describe("What its process may do. Nothing by default."),
  time_limit_s: seconds.default(60).meta({
    description: "Time that one batch may take.",
    unit: "s",
  }),
  memory_limit_mb: z.int().min(16).default(512)
    .meta({ description: "Memory that its process may hold.", unit: "MiB" }),
});

const rouge = z.strictObject({
  ...term,
  kind: z.literal("rouge"),
  type: z.enum(["rouge1", "rouge2", "rougeL"]).default("rougeL").describe("Which ROUGE."),
  measure: z.enum(["fmeasure", "precision", "recall"]).default("fmeasure").describe(
    "Which number of that ROUGE.",
  ),
});

const length = z.strictObject({
  ...term,
  kind: z.literal("length"),
  unit: z.enum(["words", "characters"]).default("words").describe("What is counted."),
  target: positive.meta({ description: "The length that costs nothing.", examples: [20] }),
  tolerance: z.int().nonnegative().default(0).describe("How far from it still costs nothing."),
});

const repetition = z.strictObject({
  ...term,
  kind: z.literal("repetition"),
  n: positive.default(3).describe("Words of the n-grams that are counted."),
});

const regex = z.strictObject({
  ...term,
  kind: z.literal("regex"),
  pattern: name.meta({
    description: "A JavaScript regular expression: 1 where it is found, else 0.",
    examples: ["^[A-Z]"],
  }),
  flags: z.string().regex(/^[imsu]*$/, "expected of i, m, s and u").default("u").describe(
    "Its flags.",
  ),
}).superRefine(({ pattern, flags }, context) => {
  try {
    new RegExp(pattern, flags);
  } catch (error) {
    context.addIssue({ code: "custom", path: ["pattern"], message: (error as Error).message });
  }
});

const schema = z.discriminatedUnion("kind", [
  ...[classifier, openrlhf, inference, tei, code, rouge, length, repetition, regex] as const,
]);

const list = z.array(schema).superRefine((terms, context) => {
  terms.forEach(({ name }, i) => {
    if (terms.findIndex((other) => other.name === name) === i) return;
    const message = `expected each name once, and "${name}" stands twice`;
    context.addIssue({ code: "custom", path: [i, "name"], message });
  });
});

/** One term of a reward. */
export type RewardTermConfig = z.infer<typeof schema>;
/** The same as it may be given: what has a default may be left out. */
export type RewardTermInput = z.input<typeof schema>;
/** A list of terms, each name once. */
export const rewardTerms: z.ZodType<RewardTermConfig[], RewardTermInput[]> = list;
/** A term that is a label, or an expression of labels, of a reward service's classifier. */
export type ClassifierTermConfig = z.infer<typeof classifier>;
