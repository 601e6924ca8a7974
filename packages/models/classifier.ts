import {
  add,
  cast,
  concat,
  cumSum,
  equal,
  gather,
  gelu,
  layerNormalization,
  mul,
  not,
  relu,
  reshape,
  shapeOf,
  tanh,
  type Value,
} from "@decorum/onnx";
import { int64 } from "@decorum/tensor";
import { attend, attentionMaskBias, Heads } from "./attention.ts";
import type { ClassifierConfig } from "./classifier_config.ts";
import { type AdapterInputs, Linear } from "./linear.ts";
import type { LinearLayers } from "./lora.ts";
import { positionsOf } from "./relative_position.ts";
import type { Weights } from "./weights.ts";

/** The two layers of the head, by architecture. */
function headLayers(config: ClassifierConfig): { dense: string; out: string } {
  return config.model_type === "roberta"
    ? { dense: "classifier.dense", out: "classifier.out_proj" }
    : { dense: "bert.pooler.dense", out: "classifier" };
}

/** Linear layers of a classifier by dotted name, in the order in which they run. */
export function classifierLinearLayers(config: ClassifierConfig): LinearLayers {
  const { hidden_size: d, intermediate_size: ff, model_type } = config;
  const layers: [string, [number, number]][] = [];
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const layer = `${model_type}.encoder.layer.${i}`;
    for (const part of ["query", "key", "value"]) {
      layers.push([`${layer}.attention.self.${part}`, [d, d]]);
    }
    layers.push([`${layer}.attention.output.dense`, [d, d]]);
    layers.push([`${layer}.intermediate.dense`, [ff, d]]);
    layers.push([`${layer}.output.dense`, [d, ff]]);
  }
  const head = headLayers(config);
  layers.push([head.dense, [d, d]], [head.out, [config.labels.length, d]]);
  return new Map(layers);
}

/**
 * BERT and RoBERTa sequence classifiers as ONNX nodes (Devlin et al. 2019, Liu et al. 2019; transformers
 * `modeling_bert.py`, `modeling_roberta.py`): post-norm blocks, learned absolute positions.
 *
 * Activations are rows `[batch * time, hidden]`. Matrix products run in the weights' compute type, those of
 * the head and all else in float32.
 */
export class Classifier {
  readonly linear: Linear;

  constructor(
    readonly config: ClassifierConfig,
    readonly weights: Weights,
    readonly adapter?: AdapterInputs,
  ) {
    this.linear = new Linear(weights, classifierLinearLayers(config), adapter);
  }

  /**
   * @param inputIds `[batch, time]` int64
   * @param attentionMask `[batch, time]` int64, 1 where a token counts
   * @param tokenTypeIds `[batch, time]` int64; all 0 when absent
   * @returns logits `[batch, labels]` float32
   */
  logits(inputIds: Value, attentionMask: Value, tokenTypeIds?: Value): Value {
    const { num_attention_heads: count, hidden_size: d, model_type } = this.config;
    const size = d / count;
    const heads = new Heads(inputIds, count, size);
    const bias = attentionMaskBias(attentionMask);
    let x = this.embed(inputIds, this.#positions(inputIds), tokenTypeIds);
    for (let i = 0; i < this.config.num_hidden_layers; i++) {
      const layer = `${model_type}.encoder.layer.${i}`;
      x = this.weights.graph.scope(layer, () => this.#block(layer, x, heads, bias));
    }
    const first = gather(
      reshape(x, concat([shapeOf(inputIds), inputIds.graph.constant(int64([1], [d]))], 0)),
      inputIds.graph.scalar(0, "int64"),
      1,
    );
    return this.head(first);
  }

  /**
   * The head, in float32.
   *
   * @param first the first token of each text, `[texts, hidden]`
   * @returns logits `[texts, labels]`
   */
  head(first: Value): Value {
    const head = headLayers(this.config);
    const dense = (name: string, rows: Value) =>
      this.linear.forward(name, rows, { bias: true, computeType: "float32" });
    return dense(head.out, tanh(dense(head.dense, first)));
  }

  #block(layer: string, x: Value, heads: Heads, bias: Value): Value {
    const dense = (name: string, rows: Value) =>
      this.linear.forward(`${layer}.${name}`, rows, { bias: true });
    const q = mul(dense("attention.self.query", x), heads.size ** -0.5);
    const context = attend(
      heads.split(q),
      heads.splitTransposed(dense("attention.self.key", x)),
      heads.split(dense("attention.self.value", x)),
      bias,
    );
    const attended = dense("attention.output.dense", heads.merge(context));
    const y = this.norm(`${layer}.attention.output.LayerNorm`, add(x, cast(attended, "float32")));
    return this.norm(`${layer}.output.LayerNorm`, add(y, this.feedForward(layer, y)));
  }

  /** @param layer its dotted name @param x `[rows, hidden]` @returns as much, float32 */
  feedForward(layer: string, x: Value): Value {
    const [into, out] = [`${layer}.intermediate.dense`, `${layer}.output.dense`];
    const padding = this.linear.padding(this.config.intermediate_size, [into, out]);
    const wide = this.linear.forward(into, x, { bias: true, padOut: padding });
    const hidden = this.activation(cast(wide, "float32"));
    return cast(this.linear.forward(out, hidden, { bias: true, padIn: padding }), "float32");
  }

  /** `hidden_act` of float32. */
  activation(x: Value): Value {
    if (this.config.hidden_act === "relu") return relu(x);
    return gelu(x, this.config.hidden_act === "gelu" ? "none" : "tanh");
  }

  /**
   * Normalised sums of word, position and type embeddings.
   *
   * @param inputIds, positions int64 of one shape
   * @param tokenTypeIds int64 of that shape; all 0 when absent
   * @returns a row of each position, `[positions, hidden]` float32
   */
  embed(inputIds: Value, positions: Value, tokenTypeIds?: Value): Value {
    const { model_type, vocab_size, max_position_embeddings, type_vocab_size, hidden_size: d } =
      this.config;
    const name = `${model_type}.embeddings`;
    const table = (part: string, rows: number) =>
      this.weights.stored(`${name}.${part}_embeddings.weight`, [rows, d]);
    const look = (part: string, rows: number, ids: Value) =>
      cast(gather(table(part, rows), ids, 0), "float32");
    const types = tokenTypeIds ?? inputIds.graph.scalar(0, "int64");
    const sum = add(
      add(
        look("word", vocab_size, inputIds),
        look("position", max_position_embeddings, positions),
      ),
      look("token_type", type_vocab_size, types),
    );
    return this.norm(`${name}.LayerNorm`, reshape(sum, [-1, d]));
  }

  /** RoBERTa counts from its padding id over what is not padding (`create_position_ids_from_input_ids`). */
  #positions(inputIds: Value): Value {
    if (this.config.model_type === "bert") return positionsOf(inputIds, 1);
    const pad = this.config.pad_token_id;
    const real = cast(not(equal(inputIds, pad)), "int64");
    const counted = cumSum(real, 1);
    return add(mul(counted, real), pad);
  }

  /** Layer normalisation with the weights called `name`; `x` is `[rows, hidden]` float32. */
  norm(name: string, x: Value): Value {
    const d = this.config.hidden_size;
    const scale = this.weights.float32(`${name}.weight`, [d]);
    const shift = this.weights.float32(`${name}.bias`, [d]);
    return this.weights.graph.scope(
      name,
      () => layerNormalization(x, scale, shift, { epsilon: this.config.layer_norm_eps }),
    );
  }
}
