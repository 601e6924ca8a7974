import { z } from "zod";
import { address, executorFields, listenFields, name, positive } from "./service.ts";

/** The section `reward`. */
export const rewardSection = z.strictObject({
  ...listenFields(50052),
  http_listen: address.nullable().default(null).meta({
    description: "Address of POST /get_reward over HTTP, as OpenRLHF calls it. null: none.",
    kind: "listen",
  }),
  ...executorFields,
  precision: z.enum(["fp32", "fp16", "bf16", "int8"]).default("fp32").describe(
    "What the model computes in. bf16 needs provider cuda; int8 runs on the CPU only, about 2.5 times as fast as fp32.",
  ),
  int8_max_difference: z.number().positive().default(0.5).meta({
    description:
      "With int8: the most that a logit of the sample texts may differ from fp32. A model that differs more is refused.",
    unit: "logits",
  }),
  model: name.meta({
    description:
      "The classifier: a Hugging Face folder of a sequence classifier (docs/models.md has the families), or its name on the hub.",
    kind: "model",
    examples: ["facebook/roberta-hate-speech-dynabench-r4-target"],
  }),
  label: name.nullable().default(null).describe(
    'The label whose raw logit is the score, as "nothate", where a request names none. null: every request must name one.',
  ),
  max_length: positive.nullable().default(null).meta({
    description: "Length of an item, special tokens included. null: as many as the model takes.",
    unit: "tokens",
  }),
  limits: z.strictObject({
    max_items: positive.default(32).meta({ description: "Items in one request.", unit: "items" }),
    max_request_bytes: positive.default(4 * 2 ** 20)
      .meta({ description: "Size of one gRPC message or HTTP body.", unit: "bytes" }),
    max_text_bytes: positive.default(32_768)
      .meta({ description: "Size of the texts of one item.", unit: "bytes" }),
    max_text_chars: positive.default(16_384)
      .meta({ description: "Length of the texts of one item.", unit: "Unicode code points" }),
    max_group_items: positive.default(64)
      .meta({ description: "Items in a request that runs as it was sent.", unit: "items" }),
    max_group_tokens: positive.default(32_768)
      .meta({
        description: "Padded tokens of a request that runs as it was sent.",
        unit: "tokens",
      }),
    max_queue_items: positive.default(1024)
      .meta({ description: "Items that wait.", unit: "items" }),
    max_queue_tokens: positive.default(262_144)
      .meta({ description: "Padded tokens that wait.", unit: "tokens" }),
    max_stream_items: positive.default(250_000).meta({
      description:
        "Items of one stream. On Deno a caller that does not read its answers costs the server memory.",
      unit: "items",
    }),
    max_streams: positive.default(256).describe("Streams that are open at once."),
    max_connections: positive.default(4096)
      .describe("Connections that are open at once, on each port."),
  }).prefault({}).describe(
    "The most that one request may ask for, and the most that may wait. A caller above it is refused and may come back later; streams wait.",
  ),
  batching: z.strictObject({
    max_tokens: positive.default(4096)
      .meta({
        description: "Padded tokens of one batch: items times the longest.",
        unit: "tokens",
      }),
    max_items: positive.default(64).meta({ description: "Items of one batch.", unit: "items" }),
    max_delay_ms: z.number().min(0).max(1000).default(2)
      .meta({ description: "Time that an item waits for others while nothing runs.", unit: "ms" }),
  }).prefault({}).describe("Requests that need not run as they were sent run together."),
  reload: z.strictObject({
    watch: z.boolean().default(false).describe(
      "Whether another classifier that appears in the folder takes the place of the one in service, without a lost call. " +
        "Put it there by a rename or a link: the model in service reads its weights where they lie. SIGHUP does the same once.",
    ),
    interval_s: z.number().min(0.01).default(2)
      .meta({ description: "Time between two looks at the folder.", unit: "s" }),
  }).prefault({}).describe("Another model without a restart."),
}).refine(({ provider, precision }) => precision !== "int8" || provider === "cpu", {
  path: ["precision"],
  error: 'int8 runs on provider "cpu" alone; expected fp32, fp16 or bf16 on "cuda"',
}).describe("The service that scores.");

/** What the reward is started with. */
export type RewardConfig = z.infer<typeof rewardSection>;
