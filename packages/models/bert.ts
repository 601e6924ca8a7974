import { add, cast, gather, layerNormalization, reshape, type Value } from "@decorum/onnx";
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
  /** Keys inside the encoder. */
  readonly keys: Keys;
  /** The two layers of the head, and what lies between them. */
  readonly head: { readonly dense: string; readonly activation: Activation; readonly out: string };
  readonly padTokenId: number;
  /** Whether there is a table of token types, and whether the family's tokenizer tells them. */
  readonly typeTable: boolean;
  readonly tokenTypes: boolean;
  /** Whether embeddings may be narrower than blocks (`embedding_size`). */
  readonly narrowEmbeddings: boolean;
  readonly positionsAfterPadding: boolean;
  /** Names of fields of `config.json` that are not BERT's. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** Keys of one block, behind that of the block. */
interface Keys {
  readonly block: (index: number) => string;
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly attended: string;
  readonly attendedNorm: string;
  readonly into: string;
  readonly out: string;
  readonly outNorm: string;
}

const bertKeys: Keys = {
  block: (index) => `encoder.layer.${index}`,
  query: "attention.self.query",
  key: "attention.self.key",
  value: "attention.self.value",
  attended: "attention.output.dense",
  attendedNorm: "attention.output.LayerNorm",
  into: "intermediate.dense",
  out: "output.dense",
  outNorm: "output.LayerNorm",
};

const distilBertKeys: Keys = {
  block: (index) => `transformer.layer.${index}`,
  query: "attention.q_lin",
  key: "attention.k_lin",
  value: "attention.v_lin",
  attended: "attention.out_lin",
  attendedNorm: "sa_layer_norm",
  into: "ffn.lin1",
  out: "ffn.lin2",
  outNorm: "output_layer_norm",
};

const bertFamily: Family = {
  name: "Bert",
  prefix: "bert",
  keys: bertKeys,
  head: { dense: "bert.pooler.dense", activation: "tanh", out: "classifier" },
  padTokenId: 0,
  typeTable: true,
  tokenTypes: true,
  narrowEmbeddings: false,
  positionsAfterPadding: false,
};

const robertaFamily: Family = {
  name: "Roberta",
  prefix: "roberta",
  keys: bertKeys,
  head: { dense: "classifier.dense", activation: "tanh", out: "classifier.out_proj" },
  padTokenId: 1,
  typeTable: true,
  tokenTypes: false,
  narrowEmbeddings: false,
  positionsAfterPadding: true,
};

const electraFamily: Family = {
  ...bertFamily,
  name: "Electra",
  prefix: "electra",
  head: { dense: "classifier.dense", activation: "gelu", out: "classifier.out_proj" },
  narrowEmbeddings: true,
};

const distilBertFamily: Family = {
  ...bertFamily,
  name: "DistilBert",
  prefix: "distilbert",
  keys: distilBertKeys,
  head: { dense: "pre_classifier", activation: "relu", out: "classifier" },
  typeTable: false,
  tokenTypes: false,
  fields: {
    hidden_size: "dim",
    num_hidden_layers: "n_layers",
    num_attention_heads: "n_heads",
    intermediate_size: "hidden_dim",
    hidden_act: "activation",
  },
};

const readerOf = (family: Family) => (json: JsonObject, source: string) =>
  partsOf(family, json, source);

/** BERT (Devlin et al. 2019; transformers `modeling_bert.py`). @throws InputError naming file and field */
export const bert = readerOf(bertFamily);

/** RoBERTa (Liu et al. 2019; transformers `modeling_roberta.py`), and models of its shape. @throws likewise */
export const roberta = readerOf(robertaFamily);
export const xlmRoberta = readerOf({ ...robertaFamily, name: "XLMRoberta" });
export const camembert = readerOf({ ...robertaFamily, name: "Camembert" });

/** ELECTRA (Clark et al. 2020; transformers `modeling_electra.py`). @throws likewise */
export const electra = readerOf(electraFamily);

/** DistilBERT (Sanh et al. 2019; transformers `modeling_distilbert.py`). @throws likewise */
export const distilBert = readerOf(distilBertFamily);

const fields = {
  model_type: z.string(),
  is_decoder: z.literal(false).nullish(),
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  // ELECTRA's embeddings may be narrower than its blocks.
  embedding_size: z.int().positive().nullish(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  intermediate_size: z.int().positive(),
  hidden_act: z.enum(activationNames).default("gelu"),
  max_position_embeddings: z.int().positive(),
  type_vocab_size: z.int().positive().default(2),
  layer_norm_eps: z.number().positive().default(1e-12),
  pad_token_id: z.int().nonnegative().nullish(),
  position_embedding_type: z.literal("absolute").nullish(),
  ...labelFields,
};

interface BertConfig extends ClassifierConfig {
  readonly embedding_size: number;
  readonly intermediate_size: number;
  readonly hidden_act: Activation;
  readonly type_vocab_size: number;
  readonly layer_norm_eps: number;
}

function partsOf(family: Family, given: JsonObject, source: string): ClassifierParts {
  const { name, prefix, head, tokenTypes, positionsAfterPadding, fields: names = {} } = family;
  const architecture = `${name}ForSequenceClassification`;
  // The others are base models, which a classifier can be made from.
  const classes = [
    architecture,
    ...["Model", "ForMaskedLM", "ForPreTraining"].map((x) => name + x),
  ];
  const schema = z.object({ ...fields, architectures: architectures(...classes) });
  const renamed = Object.entries(names).map(([ours, theirs]) => [ours, given[theirs]] as const);
  const json = { ...given, ...Object.fromEntries(renamed) };
  const parsed = parseJson(json, source, schema, names);
  if (parsed.hidden_size % parsed.num_attention_heads !== 0) {
    const named = (field: string) => `"${names[field] ?? field}"`;
    throw new InputError(
      `Cannot use ${source}: field ${
        named("hidden_size")
      } is ${parsed.hidden_size}, expected a multiple of ${
        named("num_attention_heads")
      }, which is ${parsed.num_attention_heads}`,
    );
  }
  const config: BertConfig = {
    model_type: parsed.model_type,
    vocab_size: parsed.vocab_size,
    hidden_size: parsed.hidden_size,
    embedding_size: (family.narrowEmbeddings ? parsed.embedding_size : undefined) ??
      parsed.hidden_size,
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
    network: (linear) => new Bert(config, family, linear),
    tokenTypes: tokenTypes ? config.type_vocab_size : 0,
    positionsAfterPadding,
    architecture,
    headLayers: [head.dense, head.out].filter((layer) => !layer.startsWith(`${prefix}.`)),
    tokenizerClass: `${name}Tokenizer`,
    start(key) {
      if (/[Nn]orm\.weight$/.test(key)) return { constant: 1 };
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
  constructor(readonly config: BertConfig, readonly family: Family, readonly linear: Linear) {}

  embed(inputIds: Value, positions: Value, tokenTypeIds?: Value): Value {
    const { vocab_size, max_position_embeddings, type_vocab_size, embedding_size: d } = this.config;
    const { prefix, typeTable } = this.family;
    const look = (part: string, rows: number, ids: Value) => {
      const table = this.linear.weights.stored(tableKey(prefix, part), [rows, d]);
      return cast(gather(table, ids, 0), "float32");
    };
    const words = look("word", vocab_size, inputIds);
    const placed = add(words, look("position", max_position_embeddings, positions));
    const types = tokenTypeIds ?? inputIds.graph.scalar(0, "int64");
    const sum = typeTable ? add(placed, look("token_type", type_vocab_size, types)) : placed;
    const rows = this.#norm(`${prefix}.embeddings.LayerNorm`, reshape(sum, [-1, d]));
    const { hidden_size } = this.config;
    if (d === hidden_size) return rows;
    const project = `${prefix}.embeddings_project`;
    return cast(this.linear.forward(project, hidden_size, rows, { bias: true }), "float32");
  }

  block(index: number, x: Value, attention: BlockAttention, pick?: (rows: Value) => Value): Value {
    const { hidden_size: d, num_attention_heads, intermediate_size } = this.config;
    const { keys, prefix } = this.family;
    const layer = `${prefix}.${keys.block(index)}`;
    const dense = (name: string, rows: Value) =>
      this.linear.forward(`${layer}.${name}`, d, rows, { bias: true });
    return this.linear.weights.graph.scope(layer, () => {
      const wanted = pick ? pick(x) : x;
      const q = dense(keys.query, wanted);
      const k = dense(keys.key, x);
      const v = dense(keys.value, x);
      const context = attention(q, k, v, (d / num_attention_heads) ** -0.5);
      const attended = dense(keys.attended, context);
      const y = this.#norm(`${layer}.${keys.attendedNorm}`, add(wanted, cast(attended, "float32")));
      const [into, out] = [`${layer}.${keys.into}`, `${layer}.${keys.out}`];
      const padding = this.linear.padding(intermediate_size, [into, out]);
      const wide = this.linear.forward(into, intermediate_size, y, { bias: true, padOut: padding });
      const hidden = activate(this.config.hidden_act, cast(wide, "float32"));
      const fed = this.linear.forward(out, d, hidden, { bias: true, padIn: padding });
      return this.#norm(`${layer}.${keys.outNorm}`, add(y, cast(fed, "float32")));
    });
  }

  head(first: Value): Value {
    const { hidden_size, labels } = this.config;
    const { dense, activation, out } = this.family.head;
    const forward = (name: string, width: number, rows: Value) =>
      this.linear.forward(name, width, rows, { bias: true, computeType: "float32" });
    return forward(out, labels.length, activate(activation, forward(dense, hidden_size, first)));
  }

  /** Layer normalisation with the weights called `name`. @param x `[rows, width]` float32 */
  #norm(name: string, x: Value): Value {
    const width = x.shape.at(-1) as number;
    const { weights } = this.linear;
    const scale = weights.float32(`${name}.weight`, [width]);
    const shift = weights.float32(`${name}.bias`, [width]);
    const epsilon = this.config.layer_norm_eps;
    return weights.graph.scope(name, () => layerNormalization(x, scale, shift, { epsilon }));
  }
}
