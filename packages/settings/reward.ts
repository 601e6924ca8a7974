import { z } from "zod";
import { address, executorConfig, listenConfig } from "./service.ts";

const positive = z.int().positive();

const schema = z.strictObject({
  ...listenConfig,
  listen: listenConfig.listen.default("127.0.0.1:50052"),
  /** Address of `POST /get_reward` over HTTP; null for none. */
  http_listen: address.nullable().default(null),
  ...executorConfig,
  /** What the model computes in; int8 on the CPU alone. */
  precision: z.enum(["fp32", "fp16", "bf16", "int8"]).default("fp32"),
  /** In int8: the most that a logit of a sample text may differ from its fp32 when the model is loaded. */
  int8_max_difference: z.number().positive().default(0.5),
  /** A Hugging Face folder of a RoBERTa or BERT sequence classifier. */
  model: z.string().min(1),
  /** Label whose logit is the score where a request names none; null: every request names one. */
  label: z.string().min(1).nullable().default(null),
  /** Tokens of an item, special ones included; null: what the model takes. */
  max_length: positive.nullable().default(null),
  limits: z.strictObject({
    /** Items in one request. */
    max_items: positive.default(32),
    /** Bytes of one request, as gRPC message or HTTP body. */
    max_request_bytes: positive.default(4 * 2 ** 20),
    /** Bytes of the texts of one item. */
    max_text_bytes: positive.default(32_768),
    /** Characters (Unicode code points) of the texts of one item. */
    max_text_chars: positive.default(16_384),
    /** Items in a request that is executed as sent. */
    max_group_items: positive.default(64),
    /** Padded tokens of a request that is executed as sent. */
    max_group_tokens: positive.default(32_768),
    /** Items that wait. */
    max_queue_items: positive.default(1024),
    /** Padded tokens that wait. */
    max_queue_tokens: positive.default(262_144),
    /** Items of one stream: on Deno a caller that does not read its answers costs the server memory. */
    max_stream_items: positive.default(250_000),
    /** Streams that are open at once. */
    max_streams: positive.default(256),
    /** Connections that are open at once, on each port. */
    max_connections: positive.default(4096),
  }).prefault({}),
  /** Requests that are not to be executed as sent run together. */
  batching: z.strictObject({
    /** Padded tokens of a batch: items times the longest. */
    max_tokens: positive.default(4096),
    max_items: positive.default(64),
    /** Time that a request waits for others while nothing runs. */
    max_delay_ms: z.number().min(0).max(1000).default(2),
  }).prefault({}),
  reload: z.strictObject({
    /** True: the folder is looked at, and another classifier in it takes the place of the one in service. */
    watch: z.boolean().default(false),
    /** Seconds between two looks. */
    interval_s: z.number().min(0.01).default(2),
  }).prefault({}),
}).refine(({ provider, precision }) => precision !== "int8" || provider === "cpu", {
  path: ["precision"],
  error: 'int8 runs on provider "cpu" alone; expected fp32, fp16 or bf16 on "cuda"',
});

/** The section `reward` of the configuration. */
export type RewardConfig = z.infer<typeof schema>;
/** Its schema, with all defaults but `model`. */
export const rewardConfig: z.ZodType<RewardConfig> = schema;
