import { gather, GraphBuilder } from "@decorum/onnx";
import {
  checkHead,
  type Classifier,
  Linear,
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
  readonly model: Classifier;
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
  const { model, index, precision = "fp32", lengths } = spec;
  checkHead(model, index);
  const { num_attention_heads: heads, hidden_size, num_hidden_layers } = model.config;
  const graph = new GraphBuilder("classifier");
  const int8 = precision === "int8";
  const weights = new Weights(graph, index, {
    computeType: int8 ? "float32" : computeTypeOf(precision),
  });
  const inputIds = graph.input("input_ids", "int64", ["tokens"]);
  const positions = graph.input("position_ids", "int64", ["tokens"]);
  const first = graph.input("first_tokens", "int64", ["texts"]);
  const network = model.network(int8 ? new Int8Linear(weights) : new Linear(weights));
  const attention = new PackedAttention(graph, heads, hidden_size / heads, lengths);
  let x = network.embed(inputIds, positions);
  const last = num_hidden_layers - 1;
  for (let i = 0; i < last; i++) {
    x = network.block(i, x, (q, k, v, scale) => attention.all(q, k, v, scale));
  }
  const firsts = network.block(
    last,
    x,
    (q, k, v, scale) => attention.first(q, k, v, scale),
    (rows) => gather(rows, first, 0),
  );
  graph.output(network.head(firsts), "logits");
  return { graph: graph.build(), files: weights.files };
}
