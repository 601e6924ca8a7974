import {
  add,
  cast,
  gather,
  gelu,
  gemm,
  greater,
  mul,
  relu,
  reshape,
  rmsNormalization,
  type Value,
  where,
} from "@decorum/onnx";
import { attend, attentionMaskBias, Heads, MASKED } from "./attention.ts";
import { type AdapterInputs, Linear } from "./linear.ts";
import type { LinearLayers } from "./lora.ts";
import { positionBias, positionsOf, relativePositions } from "./relative_position.ts";
import type { T5Config } from "./t5_config.ts";
import type { Weights } from "./weights.ts";

const HEAD = "lm_head.weight";

/** Names of the one embedding, in the order in which transformers takes it from a checkpoint. */
const EMBEDDINGS = [
  "shared.weight",
  "encoder.embed_tokens.weight",
  "decoder.embed_tokens.weight",
  HEAD,
] as const;

/** The encoder's result, with what cross-attention needs to know of the padding. */
export interface Encoded {
  /** `[batch * source, d_model]`, after the final norm. */
  readonly hidden: Value;
  readonly heads: Heads;
  /** `[batch, 1, 1, source]`: 0 where a token counts, else `MASKED`. */
  readonly maskBias: Value;
}

/** Linear layers of a T5 by dotted name, in the order in which they run. */
export function t5LinearLayers(config: T5Config): LinearLayers {
  const { d_model: d, d_ff: ff } = config;
  const inner = config.num_heads * config.d_kv;
  const attention = (name: string): [string, [number, number]][] => [
    [`${name}.q`, [inner, d]],
    [`${name}.k`, [inner, d]],
    [`${name}.v`, [inner, d]],
    [`${name}.o`, [d, inner]],
  ];
  const feedForward = (name: string): [string, [number, number]][] =>
    config.feed_forward_proj === "relu"
      ? [[`${name}.wi`, [ff, d]], [`${name}.wo`, [d, ff]]]
      : [[`${name}.wi_0`, [ff, d]], [`${name}.wi_1`, [ff, d]], [`${name}.wo`, [d, ff]]];
  const layers: [string, [number, number]][] = [];
  for (let i = 0; i < config.num_layers; i++) {
    layers.push(...attention(`encoder.block.${i}.layer.0.SelfAttention`));
    layers.push(...feedForward(`encoder.block.${i}.layer.1.DenseReluDense`));
  }
  for (let i = 0; i < config.num_decoder_layers; i++) {
    layers.push(...attention(`decoder.block.${i}.layer.0.SelfAttention`));
    layers.push(...attention(`decoder.block.${i}.layer.1.EncDecAttention`));
    layers.push(...feedForward(`decoder.block.${i}.layer.2.DenseReluDense`));
  }
  return new Map(layers);
}

/**
 * The T5 family as ONNX nodes (Raffel et al. 2020; transformers `modeling_t5.py`): pre-norm blocks, RMS
 * norm, relative position bias shared by all layers of a stack, no scaling of scores.
 *
 * Activations are rows `[batch * time, width]`. Matrix products of the blocks run in the weights' compute
 * type, `wo` in float32 where that is float16; all else is float32.
 */
export class T5 {
  readonly linear: Linear;

  constructor(
    readonly config: T5Config,
    readonly weights: Weights,
    readonly adapter?: AdapterInputs,
  ) {
    this.linear = new Linear(weights, t5LinearLayers(config), adapter);
  }

  /** Rows of the shared embedding. @param ids `[batch, time]` @returns `[batch * time, d_model]` */
  embed(ids: Value): Value {
    const { vocab_size, d_model } = this.config;
    const table = this.weights.stored(this.#embeddingKey(), [vocab_size, d_model]);
    return cast(gather(table, reshape(ids, [-1]), 0), "float32");
  }

  /**
   * @param inputIds `[batch, source]` int64
   * @param attentionMask `[batch, source]` int64, 1 where a token counts
   */
  encode(inputIds: Value, attentionMask: Value): Encoded {
    const heads = this.#heads(inputIds);
    const maskBias = attentionMaskBias(attentionMask);
    const positions = positionsOf(inputIds, 1);
    const bias = add(this.#positionBias("encoder", positions, positions), maskBias);
    let x = this.embed(inputIds);
    for (let i = 0; i < this.config.num_layers; i++) {
      const block = `encoder.block.${i}`;
      x = this.#residual(x, `${block}.layer.0`, (normed) => {
        const name = `${block}.layer.0.SelfAttention`;
        const [q, k, v] = this.#project(name, normed);
        const context = attend(heads.split(q), heads.splitTransposed(k), heads.split(v), bias);
        return this.linear.forward(`${name}.o`, heads.merge(context));
      });
      x = this.#residual(
        x,
        `${block}.layer.1`,
        (normed) => this.#feedForward(`${block}.layer.1`, normed),
      );
    }
    return { hidden: this.#norm("encoder.final_layer_norm", x), heads, maskBias };
  }

  /**
   * Rows of keys and values of every decoder layer's cross-attention.
   *
   * @param hidden `[rows, d_model]`: the encoder's result
   * @returns for each layer k and v `[rows, heads * size]`
   */
  crossKeyValues(hidden: Value): { readonly k: Value; readonly v: Value }[] {
    const { num_decoder_layers: count } = this.config;
    const names = (part: string) =>
      Array.from({ length: count }, (_, i) => `decoder.block.${i}.layer.1.EncDecAttention.${part}`);
    const rows = this.linear.forwardAll([...names("k"), ...names("v")], hidden);
    return Array.from({ length: count }, (_, i) => ({ k: rows[i]!, v: rows[count + i]! }));
  }

  /**
   * The decoder over whole sequences; row t sees rows 0..t.
   *
   * @param decoderInputIds `[batch, target]` int64, beginning with the decoder's start token
   * @returns `[batch * target, d_model]`, after the final norm
   */
  decode(decoderInputIds: Value, encoded: Encoded): Value {
    const heads = this.#heads(decoderInputIds);
    const positions = positionsOf(decoderInputIds, 1);
    const causal = where(
      greater(relativePositions(positions, positions), 0),
      decoderInputIds.graph.scalar(MASKED, "float32"),
      decoderInputIds.graph.scalar(0, "float32"),
    );
    const bias = add(this.#positionBias("decoder", positions, positions), causal);
    const cross = this.crossKeyValues(encoded.hidden).map(({ k, v }) => ({
      kT: encoded.heads.splitTransposed(k),
      v: encoded.heads.split(v),
    }));
    return this.decoderStack(this.embed(decoderInputIds), {
      selfAttention: (q, k, v) =>
        heads.merge(attend(heads.split(q), heads.splitTransposed(k), heads.split(v), bias)),
      crossAttention(q, layer) {
        const { kT, v } = cross[layer]!;
        return heads.merge(attend(heads.split(q), kT, v, encoded.maskBias));
      },
    });
  }

  /**
   * The decoder's blocks over rows; how a block attends to its own past and to the prompt is the caller's: the
   * whole sequence at once, or one position and a cache. All rows are `[rows, heads * size]`.
   */
  decoderStack(rows: Value, parts: {
    /** From rows of q, k, v to rows of the context. */
    readonly selfAttention: (q: Value, k: Value, v: Value, layer: number) => Value;
    /** From rows of q to rows of the context. */
    readonly crossAttention: (q: Value, layer: number) => Value;
  }): Value {
    let x = rows;
    for (let i = 0; i < this.config.num_decoder_layers; i++) {
      const block = `decoder.block.${i}`;
      x = this.#residual(x, `${block}.layer.0`, (normed) => {
        const name = `${block}.layer.0.SelfAttention`;
        const context = parts.selfAttention(...this.#project(name, normed), i);
        return this.linear.forward(`${name}.o`, context);
      });
      x = this.#residual(x, `${block}.layer.1`, (normed) => {
        const name = `${block}.layer.1.EncDecAttention`;
        const context = parts.crossAttention(this.linear.forward(`${name}.q`, normed), i);
        return this.linear.forward(`${name}.o`, context);
      });
      x = this.#residual(
        x,
        `${block}.layer.2`,
        (normed) => this.#feedForward(`${block}.layer.2`, normed),
      );
    }
    return this.#norm("decoder.final_layer_norm", x);
  }

  /** Bias of the decoder's self-attention. @returns `[heads, query, key]` */
  decoderPositionBias(queryPositions: Value, keyPositions: Value): Value {
    return this.#positionBias("decoder", queryPositions, keyPositions);
  }

  /**
   * Scores of every word of the vocabulary. A checkpoint without `lm_head.weight` uses the embedding.
   *
   * Float32 in every compute type: near a logit of 20 neighbouring float16 numbers lie 0.016 apart, bfloat16
   * 0.125, so that rounding alone would move a PPO ratio by more than a hundredth (MiniMax-M1, 2025, saw it
   * stop the learning: rollout and trainer disagreed until the head ran in float32).
   *
   * @param hidden `[rows, d_model]`
   * @returns `[rows, vocab_size]` float32
   */
  logits(hidden: Value): Value {
    const { vocab_size, d_model, scale_decoder_outputs } = this.config;
    const key = this.weights.has(HEAD) ? HEAD : this.#embeddingKey();
    const head = this.weights.matrix(key, [vocab_size, d_model], "float32");
    const scaled = scale_decoder_outputs ? mul(hidden, d_model ** -0.5) : hidden;
    return this.weights.graph.scope(
      "lm_head",
      () => gemm(scaled, head, undefined, { transB: true }),
    );
  }

  /** The first that a checkpoint has: where weights are tied, it may hold them under any of their names. */
  #embeddingKey(): string {
    return EMBEDDINGS.find((key) => this.weights.has(key)) ?? EMBEDDINGS[0];
  }

  /** Rows of queries, keys and values of a self-attention. */
  #project(name: string, normed: Value): [q: Value, k: Value, v: Value] {
    const [q, k, v] = this.linear.forwardAll(["q", "k", "v"].map((p) => `${name}.${p}`), normed);
    return [q!, k!, v!];
  }

  #heads(ids: Value): Heads {
    return new Heads(ids, this.config.num_heads, this.config.d_kv);
  }

  #norm(name: string, x: Value): Value {
    const weight = this.weights.float32(`${name}.weight`, [this.config.d_model]);
    return this.weights.graph.scope(
      name,
      () => rmsNormalization(x, weight, { epsilon: this.config.layer_norm_epsilon }),
    );
  }

  #residual(x: Value, layer: string, body: (normed: Value) => Value): Value {
    return this.weights.graph.scope(
      layer,
      () => add(x, cast(body(this.#norm(`${layer}.layer_norm`, x)), "float32")),
    );
  }

  #feedForward(layer: string, x: Value): Value {
    const name = `${layer}.DenseReluDense`;
    const gated = this.config.feed_forward_proj !== "relu";
    const parts = [...(gated ? ["wi_0", "wi_1"] : ["wi"]), "wo"].map((part) => `${name}.${part}`);
    const padding = this.linear.padding(this.config.d_ff, parts);
    const project = (part: string) =>
      cast(this.linear.forward(`${name}.${part}`, x, { padOut: padding }), "float32");
    const hidden = gated
      ? mul(gelu(project("wi_0"), "tanh"), project("wi_1"))
      : relu(project("wi"));
    // Its results leave float16's range in FLAN-T5 (transformers: `_keep_in_fp32_modules = ["wo"]`).
    const { computeType } = this.weights;
    return this.linear.forward(`${name}.wo`, hidden, {
      computeType: computeType === "float16" ? "float32" : computeType,
      padIn: padding,
    });
  }

  #positionBias(stack: "encoder" | "decoder", query: Value, key: Value): Value {
    const { relative_attention_num_buckets: buckets, num_heads } = this.config;
    const weight = this.weights.float32(
      `${stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight`,
      [buckets, num_heads],
    );
    return positionBias(
      weight,
      relativePositions(query, key),
      this.config.relative_attention_max_distance,
      stack === "encoder",
    );
  }
}
