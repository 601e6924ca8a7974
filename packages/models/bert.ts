import { add, cast, gather, layerNormalization, reshape, tanh, type Value } from "@decorum/onnx";
import { InputError, type JsonObject } from "@decorum/tensor";
import { z } from "zod";
import { activate, type Activation, activationNames } from "./activation.ts";
import type {
  BlockAttention,
  ClassifierConfig,
  ClassifierNetwork,
  ClassifierParts,
} from "./classifier.ts";
import { architectures, labelFields, labelNames, numberField, parseJson } from "./config.ts";
import type { Linear } from "./linear.ts";

/** What tells the families of BERT's shape apart. */
interface Family {
  /** transformers' name of the classes: `BertModel`, `BertForSequenceClassification`. */
  readonly name: string;
  /** First part of the encoder's keys (transformers' `base_model_prefix`). */
  readonly prefix: string;
  /** The two layers of the head. */
  readonly head: { readonly dense: string; readonly out: string };
  readonly padTokenId: number;
  readonly tokenTypes: boolean;
  readonly positionsAfterPadding: boolean;
}

const bertFamily: Family = {
  name: "Bert",
  prefix: "bert",
  head: { dense: "bert.pooler.dense", out: "classifier" },
  padTokenId: 0,
  tokenTypes: true,
  positionsAfterPadding: false,
};

const robertaFamily: Family = {
  name: "Roberta",
  prefix: "roberta",
  head: { dense: "classifier.dense", out: "classifier.out_proj" },
  padTokenId: 1,
  tokenTypes: false,
  positionsAfterPadding: true,
};

/** BERT (Devlin et al. 2019; transformers `modeling_bert.py`). @throws InputError naming file and field */
export const bert = (json: JsonObject, source: string) => partsOf(bertFamily, json, source);

/** RoBERTa (Liu et al. 2019; transformers `modeling_roberta.py`). @throws InputError naming file and field */
export const roberta = (json: JsonObject, source: string) => partsOf(robertaFamily, json, source);

const fields = {
  model_type: z.string(),
  is_decoder: z.literal(false).nullish(),
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  intermediate_size: z.int().positive(),
  hidden_act: z.enum(activationNames).default("gelu"),
  max_position_embeddings: z.int().positive(),
  type_vocab_size: z.int().positive().default(2),
  layer_norm_eps: z.number().positive().default(1e-12),
  pad_token_id: z.int().nonnegative().optional(),
  position_embedding_type: z.literal("absolute").nullish(),
  ...labelFields,
};

interface BertConfig extends ClassifierConfig {
  readonly intermediate_size: number;
  readonly hidden_act: Activation;
  readonly type_vocab_size: number;
  readonly layer_norm_eps: number;
}

function partsOf(family: Family, json: JsonObject, source: string): ClassifierParts {
  const { name, prefix, head, tokenTypes, positionsAfterPadding } = family;
  const architecture = `${name}ForSequenceClassification`;
  // The others are base models, which a classifier can be made from.
  const classes = [
    architecture,
    ...["Model", "ForMaskedLM", "ForPreTraining"].map((x) => name + x),
  ];
  const schema = z.object({ ...fields, architectures: architectures(...classes) });
  const parsed = parseJson(json, source, schema);
  if (parsed.hidden_size % parsed.num_attention_heads !== 0) {
    throw new InputError(
      `Cannot use ${source}: field "hidden_size" is ${parsed.hidden_size}, expected a multiple of "num_attention_heads", which is ${parsed.num_attention_heads}`,
    );
  }
  const config: BertConfig = {
    model_type: parsed.model_type,
    vocab_size: parsed.vocab_size,
    hidden_size: parsed.hidden_size,
    num_hidden_layers: parsed.num_hidden_layers,
    num_attention_heads: parsed.num_attention_heads,
    intermediate_size: parsed.intermediate_size,
    hidden_act: parsed.hidden_act,
    max_position_embeddings: parsed.max_position_embeddings,
    type_vocab_size: parsed.type_vocab_size,
    layer_norm_eps: parsed.layer_norm_eps,
    pad_token_id: parsed.pad_token_id ?? family.padTokenId,
    labels: labelNames(parsed, source),
    problem_type: parsed.problem_type ?? undefined,
  };
  return {
    config,
    network: (linear) => new Bert(config, prefix, head, linear),
    tokenTypes,
    positionsAfterPadding,
    architecture,
    headLayers: Object.values(head).filter((layer) => !layer.startsWith(`${prefix}.`)),
    tokenizerClass: `${name}Tokenizer`,
    start(key) {
      if (/LayerNorm\.weight$/.test(key)) return { constant: 1 };
      return key.endsWith(".bias") ? { constant: 0 } : {
        std: numberField(json, source, "initializer_range", 0.02),
      };
    },
    // Where positions count from the padding token, their table has its row too.
    paddedTables: ["word", ...(positionsAfterPadding ? ["position"] : [])]
      .map((part) => tableKey(prefix, part)),
  };
}

const tableKey = (prefix: string, part: string) => `${prefix}.embeddings.${part}_embeddings.weight`;

/**
 * Post-norm blocks, learned absolute positions. Matrix products run in the weights' compute type, those of the head and
 * all else in float32.
 */
class Bert implements ClassifierNetwork {
  constructor(
    readonly config: BertConfig,
    readonly prefix: string,
    readonly layers: Family["head"],
    readonly linear: Linear,
  ) {}

  embed(inputIds: Value, positions: Value, tokenTypeIds?: Value): Value {
    const { vocab_size, max_position_embeddings, type_vocab_size, hidden_size: d } = this.config;
    const look = (part: string, rows: number, ids: Value) => {
      const table = this.linear.weights.stored(tableKey(this.prefix, part), [rows, d]);
      return cast(gather(table, ids, 0), "float32");
    };
    const types = tokenTypeIds ?? inputIds.graph.scalar(0, "int64");
    const words = look("word", vocab_size, inputIds);
    const sum = add(
      add(words, look("position", max_position_embeddings, positions)),
      look("token_type", type_vocab_size, types),
    );
    return this.#norm(`${this.prefix}.embeddings.LayerNorm`, reshape(sum, [-1, d]));
  }

  block(index: number, x: Value, attention: BlockAttention, pick?: (rows: Value) => Value): Value {
    const { hidden_size: d, num_attention_heads, intermediate_size } = this.config;
    const layer = `${this.prefix}.encoder.layer.${index}`;
    const dense = (name: string, out: number, rows: Value) =>
      this.linear.forward(`${layer}.${name}`, out, rows, { bias: true });
    return this.linear.weights.graph.scope(layer, () => {
      const wanted = pick ? pick(x) : x;
      const q = dense("attention.self.query", d, wanted);
      const k = dense("attention.self.key", d, x);
      const v = dense("attention.self.value", d, x);
      const context = attention(q, k, v, (d / num_attention_heads) ** -0.5);
      const attended = dense("attention.output.dense", d, context);
      const y = this.#norm(
        `${layer}.attention.output.LayerNorm`,
        add(wanted, cast(attended, "float32")),
      );
      const [into, out] = [`${layer}.intermediate.dense`, `${layer}.output.dense`];
      const padding = this.linear.padding(intermediate_size, [into, out]);
      const wide = this.linear.forward(into, intermediate_size, y, { bias: true, padOut: padding });
      const hidden = activate(this.config.hidden_act, cast(wide, "float32"));
      const fed = this.linear.forward(out, d, hidden, { bias: true, padIn: padding });
      return this.#norm(`${layer}.output.LayerNorm`, add(y, cast(fed, "float32")));
    });
  }

  head(first: Value): Value {
    const { hidden_size, labels } = this.config;
    const dense = (name: string, out: number, rows: Value) =>
      this.linear.forward(name, out, rows, { bias: true, computeType: "float32" });
    return dense(
      this.layers.out,
      labels.length,
      tanh(dense(this.layers.dense, hidden_size, first)),
    );
  }

  /** Layer normalisation with the weights called `name`; `x` is `[rows, hidden]` float32. */
  #norm(name: string, x: Value): Value {
    const { hidden_size: d, layer_norm_eps: epsilon } = this.config;
    const { weights } = this.linear;
    const scale = weights.float32(`${name}.weight`, [d]);
    const shift = weights.float32(`${name}.bias`, [d]);
    return weights.graph.scope(name, () => layerNormalization(x, scale, shift, { epsilon }));
  }
}
