import { add, cast, gather, gemm, mul, reshape, rmsNormalization, type Value } from "@decorum/onnx";
import { InputError, type JsonObject } from "@decorum/tensor";
import { z } from "zod";
import { activate, type Activation, activationNames } from "./activation.ts";
import { attend, Heads, positionsOf, relativePositions } from "./attention.ts";
import { architectures, numberField, parseJson } from "./config.ts";
import type { Linear, Start } from "./linear.ts";
import type {
  DecoderAttention,
  DecoderPositions,
  EncoderDecoderConfig,
  EncoderDecoderNetwork,
  EncoderDecoderParts,
} from "./encoder_decoder.ts";
import { positionBias } from "./relative_position.ts";

/** What tells the families of T5's shape apart. */
interface Family {
  readonly modelType: string;
  /** transformers' classes; the first is that of a new model. */
  readonly classes: readonly [string, ...string[]];
  readonly projection: string;
  /** Whether the decoder's output is multiplied by hidden_size^-0.5 before the head. */
  readonly scalesOutputs: (json: Tying) => boolean;
  /** Whether every block has a position bias of its own, or the first one's is all blocks'. */
  readonly biasInEveryBlock: boolean;
}

/** Fields of `config.json` that say whether the head is the embedding. */
interface Tying {
  readonly scale_decoder_outputs?: boolean | null | undefined;
  readonly tie_word_embeddings?: boolean | null | undefined;
}

const t5Family: Family = {
  modelType: "t5",
  // T5WithLMHeadModel is the first name of the same class.
  classes: ["T5ForConditionalGeneration", "T5WithLMHeadModel"],
  projection: "relu",
  // The field where there is one, and null is no; else yes unless the config unties the head.
  scalesOutputs: ({ scale_decoder_outputs: scales, tie_word_embeddings: tied }) =>
    scales === undefined ? tied !== false : scales ?? false,
  biasInEveryBlock: false,
};

const mt5Family: Family = {
  modelType: "mt5",
  classes: ["MT5ForConditionalGeneration"],
  projection: "gated-gelu",
  scalesOutputs: () => false,
  biasInEveryBlock: false,
};

const umt5Family: Family = {
  modelType: "umt5",
  classes: ["UMT5ForConditionalGeneration"],
  projection: "gated-gelu",
  scalesOutputs: () => true,
  biasInEveryBlock: true,
};

const schemaOf = ({ modelType, classes, projection }: Family) =>
  z.object({
    model_type: z.literal(modelType),
    architectures: architectures(...classes),
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
    feed_forward_proj: z.string().default(projection).transform(parseProjection).refine(
      ({ activation }) => (activationNames as string[]).includes(activation),
      { error: `expected one of ${activationNames.join(", ")}, or "gated-" and one of them` },
    ),
    dense_act_fn: z.enum(activationNames).optional(),
    is_gated_act: z.boolean().optional(),
    tie_word_embeddings: z.boolean().nullish(),
    scale_decoder_outputs: z.boolean().nullish(),
    pad_token_id: z.int().nonnegative().default(0),
    eos_token_id: z.int().nonnegative().default(1),
    decoder_start_token_id: z.int().nonnegative().nullish(),
  });

/** `config.json` of the T5 family (T5 1.0, T5 1.1, FLAN-T5) under the fields' own names, defaults filled in. */
interface T5Config extends EncoderDecoderConfig {
  readonly d_ff: number;
  readonly num_layers: number;
  readonly relative_attention_num_buckets: number;
  readonly relative_attention_max_distance: number;
  readonly layer_norm_epsilon: number;
  /** T5 1.0: `relu`; T5 1.1 and FLAN-T5: gated `gelu_new`. */
  readonly feed_forward: { readonly activation: Activation; readonly gated: boolean };
  /** The decoder's output is multiplied by hidden_size^-0.5 before the head: T5 1.0 only. */
  readonly scale_decoder_outputs: boolean;
}

const readerOf = (family: Family) => (json: JsonObject, source: string) =>
  partsOf(family, json, source);

/** T5 1.0, T5 1.1, FLAN-T5 (Raffel et al. 2020; transformers `modeling_t5.py`). @throws InputError naming file and field */
export const t5 = readerOf(t5Family);

/** mT5 (Xue et al. 2021; transformers `modeling_mt5.py`). @throws likewise */
export const mt5 = readerOf(mt5Family);

/** umT5 (Chung et al. 2023; transformers `modeling_umt5.py`). @throws likewise */
export const umt5 = readerOf(umt5Family);

function partsOf(family: Family, json: JsonObject, source: string): EncoderDecoderParts {
  const config = parseConfig(family, json, source);
  // transformers ties all tables of a new model unless its config says otherwise.
  const tied = json["tie_word_embeddings"] !== false;
  return {
    config,
    network: (linear) => new T5(config, family.biasInEveryBlock, linear),
    architecture: family.classes[0],
    absent: [...STACK_TABLES, ...(tied ? [HEAD] : [])],
    tiedKeys: EMBEDDINGS,
    start: (key) => start(config, numberField(json, source, "initializer_factor", 1), key),
  };
}

function parseConfig(family: Family, config: JsonObject, source: string): T5Config {
  const json = parseJson(config, source, schemaOf(family));
  const { relative_attention_num_buckets: buckets, relative_attention_max_distance: most } = json;
  // Half of a decoder's buckets hold one distance each; the others share what is left up to the maximum.
  if (most <= buckets >> 1) {
    throw new InputError(
      `Cannot use ${source}: field "relative_attention_max_distance" is ${most}, expected more than half of "relative_attention_num_buckets", which is ${buckets}`,
    );
  }
  return {
    model_type: json.model_type,
    vocab_size: json.vocab_size,
    hidden_size: json.d_model,
    head_dim: json.d_kv,
    num_attention_heads: json.num_heads,
    d_ff: json.d_ff,
    num_layers: json.num_layers,
    num_decoder_layers: json.num_decoder_layers ?? json.num_layers,
    relative_attention_num_buckets: buckets,
    relative_attention_max_distance: most,
    layer_norm_epsilon: json.layer_norm_epsilon,
    feed_forward: {
      activation: json.dense_act_fn ?? json.feed_forward_proj.activation as Activation,
      gated: json.is_gated_act ?? json.feed_forward_proj.gated,
    },
    scale_decoder_outputs: family.scalesOutputs(json),
    pad_token_id: json.pad_token_id,
    eos_token_id: json.eos_token_id,
    decoder_start_token_id: json.decoder_start_token_id ?? json.pad_token_id,
  };
}

/**
 * As in transformers (`configuration_t5.py`), where `gated-gelu` means the tanh approximation, and `gelu` does not; the
 * fields `dense_act_fn` and `is_gated_act`, which it writes too, have the last word.
 */
function parseProjection(name: string): { activation: string; gated: boolean } {
  if (name === "gated-gelu") return { activation: "gelu_new", gated: true };
  const gated = name.startsWith("gated-");
  return { activation: gated ? name.slice("gated-".length) : name, gated };
}

const SHARED = "shared.weight";
const ENCODER_TABLE = "encoder.embed_tokens.weight";
const DECODER_TABLE = "decoder.embed_tokens.weight";
const HEAD = "lm_head.weight";
const STACK_TABLES = [ENCODER_TABLE, DECODER_TABLE] as const;

/**
 * Names of the embedding, in the order in which transformers takes it from a checkpoint. A name that a checkpoint has is
 * used for its own part of the model, whatever the config says of tying.
 */
const EMBEDDINGS = [SHARED, ...STACK_TABLES, HEAD] as const;

const SELF_ATTENTION = "layer.0.SelfAttention";
const CROSS_ATTENTION = "layer.1.EncDecAttention";
const BIAS = `${SELF_ATTENTION}.relative_attention_bias.weight`;

/** As transformers begins (`T5PreTrainedModel._init_weights`). @param factor `initializer_factor` */
function start(config: T5Config, factor: number, key: string): Start {
  const { hidden_size: d, d_ff, head_dim, num_attention_heads } = config;
  if (/layer_norm\.weight$/.test(key)) return { constant: factor };
  const deviations: [RegExp, number][] = [
    [/^(shared|lm_head)\.weight$/, 1],
    [/\.q\.weight$/, (d * head_dim) ** -0.5],
    [/\.(k|v|wi|wi_0|wi_1|relative_attention_bias)\.weight$/, d ** -0.5],
    [/\.o\.weight$/, (num_attention_heads * head_dim) ** -0.5],
    [/\.wo\.weight$/, d_ff ** -0.5],
  ];
  const std = deviations.find(([pattern]) => pattern.test(key))?.[1];
  if (std === undefined) throw new Error(`internal: no rule starts "${key}"`);
  return { std: factor * std };
}

/**
 * Pre-norm blocks, RMS norm, relative position bias, no scaling of scores. Matrix products of the blocks run in the weights' compute type, `wo` in float32 where that is
 * float16; all else is float32.
 */
class T5 implements EncoderDecoderNetwork {
  /** Features of queries, keys and values. */
  readonly #inner: number;

  constructor(
    readonly config: T5Config,
    readonly biasInEveryBlock: boolean,
    readonly linear: Linear,
  ) {
    this.#inner = config.num_attention_heads * config.head_dim;
  }

  encode(inputIds: Value, maskBias: Value): Value {
    const { num_attention_heads, head_dim, num_layers } = this.config;
    const heads = Heads.of(inputIds, num_attention_heads, head_dim);
    const positions = positionsOf(inputIds, 1);
    const biasOf = this.#biases("encoder", positions, positions, maskBias);
    let x = this.#embed("encoder", inputIds);
    for (let i = 0; i < num_layers; i++) {
      const block = `encoder.block.${i}`;
      const bias = biasOf(i);
      x = this.#selfAttention(
        block,
        x,
        (q, k, v) =>
          heads.merge(attend(heads.split(q), heads.splitTransposed(k), heads.split(v), bias)),
      );
      x = this.#feedForward(`${block}.layer.1`, x);
    }
    return this.#norm("encoder.final_layer_norm", x);
  }

  crossKeyValues(hidden: Value, layers: readonly number[]) {
    const names = (part: string) =>
      layers.map((i) => `decoder.block.${i}.${CROSS_ATTENTION}.${part}`);
    const rows = this.linear.forwardAll([...names("k"), ...names("v")], this.#inner, hidden);
    return layers.map((_, i) => ({ k: rows[i]!, v: rows[layers.length + i]! }));
  }

  decode(ids: Value, positions: DecoderPositions, attention: DecoderAttention): Value {
    const biasOf = this.#biases("decoder", positions.query, positions.key);
    let x = this.#embed("decoder", ids);
    for (let i = 0; i < this.config.num_decoder_layers; i++) {
      const block = `decoder.block.${i}`;
      const bias = biasOf(i);
      x = this.#selfAttention(
        block,
        x,
        (q, k, v) => attention.selfAttention(q, k, v, i, bias),
      );
      const cross = `${block}.${CROSS_ATTENTION}`;
      x = this.#residual(x, cross, (normed) => {
        const q = this.linear.forward(`${cross}.q`, this.#inner, normed);
        return this.#output(cross, attention.crossAttention(q, i));
      });
      x = this.#feedForward(`${block}.layer.2`, x);
    }
    return this.#norm("decoder.final_layer_norm", x);
  }

  /** A checkpoint without `lm_head.weight` uses the embedding. */
  logits(hidden: Value): Value {
    const { vocab_size, hidden_size, scale_decoder_outputs } = this.config;
    const { weights } = this.linear;
    const key = weights.has(HEAD) ? HEAD : this.#sharedKey();
    const head = weights.matrix(key, [vocab_size, hidden_size], "float32");
    const scaled = scale_decoder_outputs ? mul(hidden, hidden_size ** -0.5) : hidden;
    return weights.graph.scope("lm_head", () => gemm(scaled, head, undefined, { transB: true }));
  }

  /** Rows of a stack's embedding. @param ids `[batch, time]` @returns `[batch * time, hidden_size]` */
  #embed(stack: "encoder" | "decoder", ids: Value): Value {
    const { vocab_size, hidden_size } = this.config;
    const { weights } = this.linear;
    const own = stack === "encoder" ? ENCODER_TABLE : DECODER_TABLE;
    const key = weights.has(own) ? own : this.#sharedKey();
    const table = weights.stored(key, [vocab_size, hidden_size]);
    return cast(gather(table, reshape(ids, [-1]), 0), "float32");
  }

  /** The embedding of parts that have none of their own. */
  #sharedKey(): string {
    return EMBEDDINGS.find((key) => this.linear.weights.has(key)) ?? SHARED;
  }

  #selfAttention(
    block: string,
    x: Value,
    attention: (q: Value, k: Value, v: Value) => Value,
  ): Value {
    const name = `${block}.${SELF_ATTENTION}`;
    return this.#residual(x, name, (normed) => {
      const names = ["q", "k", "v"].map((part) => `${name}.${part}`);
      const [q, k, v] = this.linear.forwardAll(names, this.#inner, normed);
      return this.#output(name, attention(q!, k!, v!));
    });
  }

  #output(attention: string, context: Value): Value {
    return this.linear.forward(`${attention}.o`, this.config.hidden_size, context);
  }

  #feedForward(layer: string, x: Value): Value {
    const { feed_forward: { activation, gated }, d_ff, hidden_size } = this.config;
    const name = `${layer}.DenseReluDense`;
    const wide = (gated ? ["wi_0", "wi_1"] : ["wi"]).map((part) => `${name}.${part}`);
    const narrow = `${name}.wo`;
    const padding = this.linear.padding(d_ff, [...wide, narrow]);
    // Its results leave float16's range in FLAN-T5 (transformers: `_keep_in_fp32_modules = ["wo"]`).
    const { computeType } = this.linear.weights;
    const options = {
      computeType: computeType === "float16" ? "float32" : computeType,
      padIn: padding,
    } as const;
    return this.#residual(x, name, (normed) => {
      const project = (part: string) =>
        cast(this.linear.forward(part, d_ff, normed, { padOut: padding }), "float32");
      const first = activate(activation, project(wide[0]!));
      const hidden = gated ? mul(first, project(wide[1]!)) : first;
      return this.linear.forward(narrow, hidden_size, hidden, options);
    });
  }

  /** @param name of the sublayer; its norm lies beside it */
  #residual(x: Value, name: string, body: (normed: Value) => Value): Value {
    const layer = name.slice(0, name.lastIndexOf("."));
    return this.linear.weights.graph.scope(
      layer,
      () => add(x, cast(body(this.#norm(`${layer}.layer_norm`, x)), "float32")),
    );
  }

  #norm(name: string, x: Value): Value {
    const { weights } = this.linear;
    const weight = weights.float32(`${name}.weight`, [this.config.hidden_size]);
    return weights.graph.scope(
      name,
      () => rmsNormalization(x, weight, { epsilon: this.config.layer_norm_epsilon }),
    );
  }

  /** Position bias of a block. @param masked added to it */
  #biases(
    stack: "encoder" | "decoder",
    query: Value,
    key: Value,
    masked?: Value,
  ): (block: number) => Value {
    const {
      relative_attention_num_buckets: buckets,
      relative_attention_max_distance,
      num_attention_heads,
    } = this.config;
    const relative = relativePositions(query, key);
    const of = (block: number) => {
      const name = `${stack}.block.${block}.${BIAS}`;
      const weight = this.linear.weights.float32(name, [buckets, num_attention_heads]);
      const bias = positionBias(
        weight,
        relative,
        relative_attention_max_distance,
        stack === "encoder",
      );
      return masked ? add(bias, masked) : bias;
    };
    if (this.biasInEveryBlock) return of;
    const first = of(0);
    return () => first;
  }
}
