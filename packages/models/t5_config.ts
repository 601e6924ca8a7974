import { InputError } from "@decorum/tensor";
import { join } from "node:path";
import { z } from "zod";
import { type JsonObject, readJson } from "./config.ts";
import { architectures, parseConfigJson } from "./config_file.ts";

const schema = z.object({
  model_type: z.literal("t5"),
  // T5WithLMHeadModel is the first name of the same class.
  architectures: architectures("T5ForConditionalGeneration", "T5WithLMHeadModel"),
  vocab_size: z.int().positive(),
  d_model: z.int().positive(),
  d_kv: z.int().positive(),
  d_ff: z.int().positive(),
  num_layers: z.int().positive(),
  num_decoder_layers: z.int().positive().nullish(),
  num_heads: z.int().positive(),
  relative_attention_num_buckets: z.int().min(4).default(32),
  relative_attention_max_distance: z.int().positive().default(128),
  layer_norm_epsilon: z.number().positive().default(1e-6),
  feed_forward_proj: z.enum(["relu", "gated-gelu"]).default("relu"),
  tie_word_embeddings: z.boolean().nullish(),
  scale_decoder_outputs: z.boolean().nullish(),
  pad_token_id: z.int().nonnegative().default(0),
  eos_token_id: z.int().nonnegative().default(1),
  decoder_start_token_id: z.int().nonnegative().nullish(),
});

/** `config.json` of the T5 family (T5 1.0, T5 1.1, FLAN-T5) under the fields' own names, defaults filled in. */
export interface T5Config {
  readonly vocab_size: number;
  readonly d_model: number;
  /** Size of one head; `num_heads * d_kv` need not be `d_model`. */
  readonly d_kv: number;
  readonly d_ff: number;
  readonly num_layers: number;
  readonly num_decoder_layers: number;
  readonly num_heads: number;
  readonly relative_attention_num_buckets: number;
  readonly relative_attention_max_distance: number;
  readonly layer_norm_epsilon: number;
  /** T5 1.0: `relu`; T5 1.1 and FLAN-T5: `gated-gelu` (the tanh approximation). */
  readonly feed_forward_proj: "relu" | "gated-gelu";
  /** The decoder's output is multiplied by d_model^-0.5 before the head: T5 1.0 only. */
  readonly scale_decoder_outputs: boolean;
  readonly pad_token_id: number;
  readonly eos_token_id: number;
  readonly decoder_start_token_id: number;
}

/**
 * Reads `config.json` of a T5 folder.
 *
 * @throws InputError naming file and field.
 */
export function loadT5Config(folder: string): T5Config {
  const file = join(folder, "config.json");
  return parseT5Config(readJson(file), file);
}

/** The same for JSON that is already read; `source` names it in messages. */
export function parseT5Config(config: JsonObject, source: string): T5Config {
  const json = parseConfigJson(config, source, ["t5"], schema);
  checkBuckets(source, json.relative_attention_num_buckets, json.relative_attention_max_distance);
  return {
    vocab_size: json.vocab_size,
    d_model: json.d_model,
    d_kv: json.d_kv,
    d_ff: json.d_ff,
    num_layers: json.num_layers,
    num_decoder_layers: json.num_decoder_layers ?? json.num_layers,
    num_heads: json.num_heads,
    relative_attention_num_buckets: json.relative_attention_num_buckets,
    relative_attention_max_distance: json.relative_attention_max_distance,
    layer_norm_epsilon: json.layer_norm_epsilon,
    feed_forward_proj: json.feed_forward_proj,
    scale_decoder_outputs: scalesOutputs(json),
    pad_token_id: json.pad_token_id,
    eos_token_id: json.eos_token_id,
    decoder_start_token_id: json.decoder_start_token_id ?? json.pad_token_id,
  };
}

/**
 * As in transformers (`configuration_t5.py`): the field `scale_decoder_outputs` where there is one, and null
 * is no; else yes unless `tie_word_embeddings` is false.
 */
function scalesOutputs(json: z.infer<typeof schema>): boolean {
  if (json.scale_decoder_outputs === undefined) return json.tie_word_embeddings !== false;
  return json.scale_decoder_outputs ?? false;
}

/** Half of a decoder's buckets hold one distance each; the others share what is left up to the maximum. */
function checkBuckets(source: string, buckets: number, maxDistance: number): void {
  if (maxDistance > buckets >> 1) return;
  throw new InputError(
    `Cannot use ${source}: field "relative_attention_max_distance" is ${maxDistance}, expected more than half of "relative_attention_num_buckets", which is ${buckets}`,
  );
}
