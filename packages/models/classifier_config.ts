import { InputError } from "@decorum/tensor";
import { join } from "node:path";
import { z } from "zod";
import { type JsonObject, readJson } from "./config.ts";
import { architectures, parseConfigJson } from "./config_file.ts";

const schema = z.object({
  model_type: z.enum(["roberta", "bert"]),
  architectures: architectures("RobertaForSequenceClassification", "BertForSequenceClassification"),
  is_decoder: z.literal(false).nullish(),
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  intermediate_size: z.int().positive(),
  hidden_act: z.enum(["gelu", "gelu_new", "relu"]).default("gelu"),
  max_position_embeddings: z.int().positive(),
  type_vocab_size: z.int().positive().default(2),
  layer_norm_eps: z.number().positive().default(1e-12),
  pad_token_id: z.int().nonnegative().optional(),
  position_embedding_type: z.literal("absolute").nullish(),
  id2label: z.record(z.string(), z.string()).refine(
    (names) => Object.keys(names).every((id) => /^\d+$/.test(id)),
    { error: "expected integers as label ids" },
  ).nullish(),
  num_labels: z.int().positive().nullish(),
});

/** `config.json` of a BERT or RoBERTa sequence classifier, defaults filled in. */
export interface ClassifierConfig {
  readonly model_type: "roberta" | "bert";
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  readonly hidden_act: "gelu" | "gelu_new" | "relu";
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
  readonly layer_norm_eps: number;
  readonly pad_token_id: number;
  /** Label names by class index. */
  readonly labels: readonly string[];
}

/**
 * Reads `config.json` of a sequence classifier's folder. Labels come from `id2label`; without it they
 * are transformers' LABEL_0, LABEL_1, ..
 *
 * @throws InputError naming file and field.
 */
export function loadClassifierConfig(folder: string): ClassifierConfig {
  const file = join(folder, "config.json");
  return parseClassifierConfig(readJson(file), file);
}

/** The same for JSON that is already read; `source` names it in messages. */
export function parseClassifierConfig(config: JsonObject, source: string): ClassifierConfig {
  const json = parseConfigJson(config, source, ["roberta", "bert"], schema);
  if (json.hidden_size % json.num_attention_heads !== 0) {
    throw new InputError(
      `Cannot use ${source}: field "hidden_size" is ${json.hidden_size}, expected a multiple of "num_attention_heads", which is ${json.num_attention_heads}`,
    );
  }
  return {
    model_type: json.model_type,
    vocab_size: json.vocab_size,
    hidden_size: json.hidden_size,
    num_hidden_layers: json.num_hidden_layers,
    num_attention_heads: json.num_attention_heads,
    intermediate_size: json.intermediate_size,
    hidden_act: json.hidden_act,
    max_position_embeddings: json.max_position_embeddings,
    type_vocab_size: json.type_vocab_size,
    layer_norm_eps: json.layer_norm_eps,
    pad_token_id: json.pad_token_id ?? (json.model_type === "roberta" ? 1 : 0),
    labels: labelNames(source, json.id2label, json.num_labels ?? 2),
  };
}

function labelNames(
  source: string,
  id2label: Readonly<Record<string, string>> | null | undefined,
  count: number,
): string[] {
  if (!id2label) return Array.from({ length: count }, (_, i) => `LABEL_${i}`);
  const ids = Object.keys(id2label).map(Number).sort((a, b) => a - b);
  const missing = ids.findIndex((id, i) => id !== i);
  if (missing >= 0) {
    throw new InputError(
      `Cannot use ${source}: field "id2label" has no label ${missing}; expected 0 to ${
        ids.length - 1
      }`,
    );
  }
  return ids.map((id) => id2label[String(id)]!);
}

/** Longest sequence the model has positions for: RoBERTa's positions begin after its padding id. */
export function maxPositions(config: ClassifierConfig): number {
  return config.model_type === "roberta"
    ? config.max_position_embeddings - config.pad_token_id - 1
    : config.max_position_embeddings;
}

/**
 * Index of a label by its name.
 *
 * @throws InputError listing the names there are.
 */
export function labelIndex(config: Pick<ClassifierConfig, "labels">, label: string): number {
  const index = config.labels.indexOf(label);
  if (index >= 0) return index;
  throw new InputError(
    `Cannot score label "${label}": the classifier's labels are ${
      config.labels.map((name) => `"${name}"`).join(", ")
    }`,
  );
}
