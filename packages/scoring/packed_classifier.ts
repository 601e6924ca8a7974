import { add, cast, gather, GraphBuilder, type Value } from "@decorum/onnx";
import {
  Classifier,
  type ClassifierConfig,
  classifierLinearLayers,
  type ModelGraph,
  type WeightIndex,
  Weights,
} from "@decorum/models";
import { computeTypeOf, type Precision } from "@decorum/tensor";
import { Int8Linear } from "./int8_linear.ts";
import { PackedAttention } from "./packed_attention.ts";

/** What a classifier that only scores computes in. int8: the linear layers of the blocks, on the CPU. */
export type ScoringPrecision = Precision | "int8";

export interface PackedClassifierSpec {
  readonly config: ClassifierConfig;
  readonly index: WeightIndex;
  /** Default fp32. */
  readonly precision?: ScoringPrecision;
  /** Lengths that attention pads to: see `attentionLengths`. */
  readonly lengths: readonly number[];
}

/**
 * A sequence classifier over texts that lie one after the other, without padding, and so without work for any but
 * inside attention; of the last layer only the first token of each text is computed. It scores, and has no gradient.
 *
 * On the CPU a text's logits are the same bits alone and in any batch: the runtime's product with a constant matrix
 * sums each row in one order whatever other rows there are, and attention pads a text to a length of its own.
 *
 * Inputs are those of `packBatch`, all int64: `input_ids`, `position_ids`, `text_ids` `[tokens]`, `first_tokens`
 * `[texts]`, `places` `[tokens, heads]`, `rows_<length>` `[texts of that length, length]`, -1 for padding. Output:
 * `logits` `[texts, labels]` float32.
 */
export function buildPackedClassifier(spec: PackedClassifierSpec): ModelGraph {
  const { config, index, precision = "fp32", lengths } = spec;
  const graph = new GraphBuilder("classifier");
  const computeType = precision === "int8" ? "float32" : computeTypeOf(precision);
  const weights = new Weights(graph, index, { computeType });
  const inputIds = graph.input("input_ids", "int64", ["tokens"]);
  const positions = graph.input("position_ids", "int64", ["tokens"]);
  const first = graph.input("first_tokens", "int64", ["texts"]);
  const classifier = new Classifier(config, weights);
  const blocks = new Blocks(classifier, precision === "int8", lengths);
  let x = classifier.embed(inputIds, positions);
  const last = config.num_hidden_layers - 1;
  for (let i = 0; i < last; i++) x = blocks.all(i, x);
  graph.output(classifier.head(blocks.first(last, x, first)), "logits");
  return { graph: graph.build(), files: weights.files };
}

/** Layers of the encoder over packed tokens. */
class Blocks {
  readonly #attention: PackedAttention;
  readonly #dense: (names: readonly string[], x: Value) => Value[];

  constructor(readonly classifier: Classifier, readonly int8: boolean, lengths: readonly number[]) {
    const { config, weights, linear } = classifier;
    const { num_attention_heads: heads, hidden_size: d } = config;
    this.#attention = new PackedAttention(weights.graph, heads, d / heads, lengths);
    const quantized = int8 ? new Int8Linear(weights, classifierLinearLayers(config)) : undefined;
    this.#dense = (names, x) =>
      quantized ? quantized.forwardAll(names, x) : linear.forwardAll(names, x, { bias: true });
  }

  /** @param x `[tokens, hidden]` @returns as much */
  all(index: number, x: Value): Value {
    return this.#scoped(index, (layer) => {
      const self = `${layer}.attention.self`;
      const [q, k, v] = this.#dense([`${self}.query`, `${self}.key`, `${self}.value`], x);
      return this.#rest(layer, x, this.#attention.all(q!, k!, v!));
    });
  }

  /** @param x `[tokens, hidden]` @param first `[texts]` @returns `[texts, hidden]` of the first tokens */
  first(index: number, x: Value, first: Value): Value {
    return this.#scoped(index, (layer) => {
      const self = `${layer}.attention.self`;
      const [k, v] = this.#dense([`${self}.key`, `${self}.value`], x);
      const rows = gather(x, first, 0);
      const [q] = this.#dense([`${self}.query`], rows);
      return this.#rest(layer, rows, this.#attention.first(q!, k!, v!));
    });
  }

  #rest(layer: string, x: Value, context: Value): Value {
    const { classifier } = this;
    const dense = (name: string, rows: Value) =>
      cast(this.#dense([`${layer}.${name}`], rows)[0]!, "float32");
    const attended = add(x, dense("attention.output.dense", context));
    const y = classifier.norm(`${layer}.attention.output.LayerNorm`, attended);
    const fed = this.int8
      ? dense("output.dense", classifier.activation(dense("intermediate.dense", y)))
      : classifier.feedForward(layer, y);
    return classifier.norm(`${layer}.output.LayerNorm`, add(y, fed));
  }

  #scoped(index: number, body: (layer: string) => Value): Value {
    const { weights, config } = this.classifier;
    const layer = `${config.model_type}.encoder.layer.${index}`;
    return weights.graph.scope(layer, () => body(layer));
  }
}
