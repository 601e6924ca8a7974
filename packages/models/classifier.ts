import {
  add,
  cast,
  concat,
  cumSum,
  equal,
  gather,
  GraphBuilder,
  mul,
  not,
  reshape,
  shapeOf,
  type Value,
} from "@decorum/onnx";
import { InputError, int64, type Tensor } from "@decorum/tensor";
import { attend, attentionMaskBias, Heads, positionsOf } from "./attention.ts";
import type { ProblemType } from "./config.ts";
import { AdapterInputs, type LayerTable, Linear, type Start, withLayers } from "./linear.ts";
import type { LoraConfig } from "./lora.ts";
import { checkTokenIds } from "./token_batch.ts";
import { type ModelGraph, type WeightIndex, Weights, type WeightsOptions } from "./weights.ts";

/** What the rest of the program knows of a classifier's `config.json`. */
export interface ClassifierConfig {
  readonly model_type: string;
  readonly vocab_size: number;
  readonly pad_token_id: number;
  /** Width of the rows between blocks. */
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly max_position_embeddings: number;
  /** Label names by class index. */
  readonly labels: readonly string[];
  /** What the logits stand for, where `config.json` says it. */
  readonly problem_type: ProblemType | undefined;
}

/**
 * How a block attends; the caller decides how texts lie in the rows.
 *
 * @param q, k, v `[rows, heads * size]`
 * @param scale what scores are multiplied by
 * @returns rows of the context
 */
export type BlockAttention = (q: Value, k: Value, v: Value, scale: number) => Value;

/** A family's ONNX nodes over the weights of one graph. Activations are rows `[tokens, hidden_size]`, float32. */
export interface ClassifierNetwork {
  /**
   * @param inputIds, positions int64 of one shape
   * @param tokenTypeIds int64 of that shape; all 0 when absent
   * @returns a row of each position
   */
  embed(inputIds: Value, positions: Value, tokenTypeIds?: Value): Value;
  /**
   * One block of the encoder.
   *
   * @param x rows of all tokens
   * @param pick takes the rows whose results are wanted; all of them by default
   */
  block(index: number, x: Value, attention: BlockAttention, pick?: (rows: Value) => Value): Value;
  /**
   * The head, in float32.
   *
   * @param first the first token of each text, `[texts, hidden_size]`
   * @returns logits `[texts, labels]`
   */
  head(first: Value): Value;
}

/** What a family's file gives for one `config.json`. */
export interface ClassifierParts {
  readonly config: ClassifierConfig;
  network(linear: Linear): ClassifierNetwork;
  /** How many token types `token_type_ids` may name; 0 where the model is not told the two texts of a pair apart. */
  readonly tokenTypes: number;
  /**
   * Whether positions count, from `pad_token_id + 1` on, the tokens that are not the padding token, which itself has
   * position `pad_token_id` (fairseq's rule, transformers' `create_position_ids_from_input_ids`); else they are 0, 1, ..
   */
  readonly positionsAfterPadding: boolean;
  /** transformers' class, for `architectures` of a new model, and its tokenizer's. */
  readonly architecture: string;
  readonly tokenizerClass: string;
  /** Layers that the base model lacks: a classifier made from it learns them from nothing. */
  readonly headLayers: readonly string[];
  /** How a weight of a new model begins, and the tables in which the padding token's row is 0. */
  start(key: string): Start;
  readonly paddedTables: readonly string[];
}

/** A sequence classifier: a reward model. It is a description; the weights are a `Checkpoint`. */
export interface Classifier extends ClassifierParts, LayerTable {}

/** The model with its table of layers. */
export function classifier(parts: ClassifierParts): Classifier {
  return withLayers(parts, (graph, linear, ofSource) => {
    const network = parts.network(linear);
    const ids = graph.input("ids", "int64", ["tokens"]);
    const hidden = ofSource(() => {
      let x = network.embed(ids, ids);
      for (let i = 0; i < parts.config.num_hidden_layers; i++) x = network.block(i, x, (q) => q);
      return x;
    });
    network.head(hidden);
  });
}

/** Longest sequence the model has positions for. */
export function maxPositions({ config, positionsAfterPadding }: ClassifierParts): number {
  const { max_position_embeddings, pad_token_id } = config;
  return positionsAfterPadding
    ? max_position_embeddings - pad_token_id - 1
    : max_position_embeddings;
}

/** Positions of the tokens of one text: the rule that `classifierLogits` has as nodes. */
export function positionIds(model: ClassifierParts, ids: readonly number[]): number[] {
  if (!model.positionsAfterPadding) return ids.map((_, i) => i);
  const pad = model.config.pad_token_id;
  let last = pad;
  return ids.map((id) => id === pad ? pad : ++last);
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

/** What a classifier's graph is made of. */
export interface ClassifierSpec extends WeightsOptions {
  readonly model: Classifier;
  readonly index: WeightIndex;
  readonly lora?: LoraConfig;
  /** Takes LoRA dropout masks as inputs: see `AdapterInputs`. */
  readonly dropout?: boolean;
}

/** The first weight of the head that a checkpoint lacks: a base model has none of them. */
export function missingHead(
  { layers, rowsOf }: Classifier,
  index: Pick<WeightIndex, "has">,
): string | undefined {
  return [...layers.keys()].filter((layer) => rowsOf(layer) === "target")
    .map((layer) => `${layer}.weight`).find((key) => !index.has(key));
}

/** @throws InputError for a base model without a head */
export function checkHead(model: Classifier, index: Pick<WeightIndex, "has">): void {
  const missing = missingHead(model, index);
  if (missing === undefined) return;
  throw new InputError(
    `Cannot score with this ${model.config.model_type}: its weights have no classifier head ` +
      `(${missing}), so it is a base model; train one on labels or preferences with "decorum reward-train"`,
  );
}

/**
 * A sequence classifier over a padded batch. Inputs: `input_ids`, `attention_mask` `[batch, time]` int64, where the model
 * knows them `token_type_ids` too, and the adapter's parameters: see `classifierBatch`.
 *
 * @param finish declares outputs; by default `logits` `[batch, labels]` float32
 */
export function buildClassifierGraph(
  spec: ClassifierSpec,
  finish: (logits: Value) => void = (logits) => void logits.graph.output(logits, "logits"),
): ModelGraph {
  const { model, lora, dropout = false } = spec;
  checkHead(model, spec.index);
  const graph = new GraphBuilder("classifier");
  const input = (name: string) => graph.input(name, "int64", ["batch", "time"]);
  const inputIds = input("input_ids");
  const attentionMask = input("attention_mask");
  const tokenTypeIds = model.tokenTypes > 0 ? input("token_type_ids") : undefined;
  const weights = new Weights(graph, spec.index, spec);
  const adapter = lora && new AdapterInputs(weights, lora, model.layers, { dropout });
  const network = model.network(new Linear(weights, adapter));
  const { num_attention_heads: count, hidden_size: d, num_hidden_layers } = model.config;
  const heads = Heads.of(inputIds, count, d / count);
  const bias = attentionMaskBias(attentionMask);
  let x = network.embed(inputIds, positions(model, inputIds), tokenTypeIds);
  for (let i = 0; i < num_hidden_layers; i++) {
    x = network.block(
      i,
      x,
      (q, k, v, scale) =>
        heads.merge(
          attend(heads.split(mul(q, scale)), heads.splitTransposed(k), heads.split(v), bias),
        ),
    );
  }
  const first = gather(
    reshape(x, concat([shapeOf(inputIds), graph.constant(int64([1], [d]))], 0)),
    graph.scalar(0, "int64"),
    1,
  );
  finish(network.head(first));
  return { graph: graph.build(), files: weights.files };
}

/** @param inputIds `[batch, time]` @returns int64 that broadcasts to it */
function positions({ config, positionsAfterPadding }: Classifier, inputIds: Value): Value {
  if (!positionsAfterPadding) return positionsOf(inputIds, 1);
  const pad = config.pad_token_id;
  const real = cast(not(equal(inputIds, pad)), "int64");
  return add(mul(cumSum(real, 1), real), pad);
}

/** A text, or a pair of texts, as a classifier takes it. */
export interface ClassifierText {
  /** Token ids, special tokens included. */
  readonly ids: readonly number[];
  /** The type of each token, which tells BERT the second text of a pair (1) from the first; all 0 when absent. */
  readonly tokenTypeIds?: readonly number[];
}

/** Texts padded to one length, as feeds of a classifier's graph. */
interface ClassifierBatch {
  /** `input_ids` and `attention_mask` `[batch, time]` int64; where the model knows them `token_type_ids`. */
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** Positions that hold no token, of all positions that are computed. */
  readonly padding: { readonly padded: number; readonly total: number };
}

/**
 * Pads texts to the longest of them. Nothing is truncated: that is the tokenizer's work.
 *
 * @param options.maxLength most tokens of a text; the model's positions are a limit in any case
 * @throws InputError for an empty batch or text, an id outside the vocabulary, a token type that the model lacks, a
 * text over a limit, or a
 * `maxLength` that is no positive integer
 */
export function classifierBatch(
  texts: readonly ClassifierText[],
  model: ClassifierParts,
  options: { readonly maxLength?: number } = {},
): ClassifierBatch {
  checkTexts(texts, model, options);
  const width = Math.max(...texts.map(({ ids }) => ids.length));
  const rows = (of: (text: ClassifierText) => readonly number[], fill: number) =>
    int64(
      [texts.length, width],
      texts.flatMap((text) => [
        ...of(text),
        ...Array<number>(width - text.ids.length).fill(fill),
      ]),
    );
  const feeds = {
    input_ids: rows(({ ids }) => ids, model.config.pad_token_id),
    attention_mask: rows(({ ids }) => ids.map(() => 1), 0),
  };
  const total = texts.length * width;
  const tokens = texts.reduce((n, { ids }) => n + ids.length, 0);
  return {
    feeds: model.tokenTypes > 0 ? { ...feeds, token_type_ids: rows(tokenTypesOf, 0) } : feeds,
    padding: { padded: total - tokens, total },
  };
}

/** The type of each token of a text. */
export function tokenTypesOf({ ids, tokenTypeIds }: ClassifierText): readonly number[] {
  return tokenTypeIds ?? ids.map(() => 0);
}

/**
 * Stops before texts that a classifier cannot take: the conditions of `classifierBatch`.
 *
 * @throws InputError naming the text
 */
export function checkTexts(
  texts: readonly ClassifierText[],
  model: ClassifierParts,
  options: { readonly maxLength?: number } = {},
): void {
  const { maxLength = Infinity } = options;
  if (!(maxLength >= 1) || (maxLength !== Infinity && !Number.isInteger(maxLength))) {
    throw new InputError(
      `Cannot limit texts to maxLength ${maxLength}: expected an integer of 1 or more`,
    );
  }
  if (texts.length === 0) {
    throw new InputError("Cannot make a batch of 0 texts: expected at least one");
  }
  for (const [i, { ids, tokenTypeIds = [] }] of texts.entries()) {
    checkLength(ids.length, i, model, maxLength);
    checkTokenIds(ids, `text ${i}`, model.config.vocab_size);
    const types = model.tokenTypes;
    const wrong = types > 0 ? tokenTypeIds.find((type) => type >= types) : undefined;
    if (wrong === undefined) continue;
    throw new InputError(
      `Cannot make a batch: text ${i} is a pair with tokens of type ${wrong}, but a ${model.config.model_type} of type_vocab_size ${types} has types up to ${
        types - 1
      }; join the two texts to one`,
    );
  }
}

function checkLength(length: number, index: number, model: ClassifierParts, maxLength: number) {
  const most = maxPositions(model);
  if (length <= Math.min(maxLength, most)) return;
  const { model_type, max_position_embeddings } = model.config;
  const limit = maxLength < most
    ? `the limit is maxLength ${maxLength}`
    : `a ${model_type} of max_position_embeddings ${max_position_embeddings} ` +
      `has positions for ${most}`;
  throw new InputError(
    `Cannot make a batch: text ${index} has ${length} tokens, but ${limit}; truncate it`,
  );
}
