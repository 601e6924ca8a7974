import {
  add,
  cast,
  concat,
  gather,
  GraphBuilder,
  less,
  matmul,
  mul,
  reshape,
  reshapeLike,
  slice,
  softmax,
  squeeze,
  transpose,
  unsqueeze,
  type Value,
  where,
} from "@decorum/onnx";
import {
  checkHead,
  type Classifier,
  Linear,
  MASKED,
  type ModelGraph,
  type WeightIndex,
  Weights,
} from "@decorum/models";
import { computeTypeOf, int64, type Precision } from "@decorum/tensor";
import { Int8Linear } from "./int8.ts";
import { rowsInput } from "./packed_batch.ts";

/** What a classifier that only scores computes in. int8: the linear layers of the blocks, on the CPU. */
export type ScoringPrecision = Precision | "int8";

interface PackedClassifierSpec {
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
 * Inputs are those of `packBatch`, all int64: `input_ids`, `position_ids`, `text_ids` `[tokens]`, where the model knows
 * them `token_type_ids` `[tokens]`, `first_tokens` `[texts]`, `places` `[tokens, heads]`, `rows_<length>` `[texts of that length, length]`, -1 for padding. Output:
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
  const types = model.tokenTypes > 0
    ? graph.input("token_type_ids", "int64", ["tokens"])
    : undefined;
  const first = graph.input("first_tokens", "int64", ["texts"]);
  const network = model.network(int8 ? new Int8Linear(weights) : new Linear(weights));
  const attention = new PackedAttention(graph, heads, hidden_size / heads, lengths);
  let x = network.embed(inputIds, positions, types);
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

/** Texts of one attention length. */
interface Bucket {
  /** `[texts, heads, length]`: where each head's part of each token lies, in units of one head's part. */
  readonly parts: Value;
  /** `[texts, heads]`: the same for the first token of each text among first tokens alone. */
  readonly firstParts: Value;
  /** `[texts, 1, 1, length]` float32: hides padding from every query. */
  readonly bias: Value;
}

/**
 * Attention within each text of a packed batch, one length after the other.
 *
 * Splitting into heads, padding, and the way back are single gathers of one head's part of a token.
 */
class PackedAttention {
  readonly #buckets: readonly Bucket[];
  readonly #places: Value;

  /** Declares the inputs `rows_<length>`, `places` and `text_ids`: see `packBatch`. */
  constructor(
    readonly graph: GraphBuilder,
    readonly heads: number,
    readonly size: number,
    lengths: readonly number[],
  ) {
    const textIds = graph.input("text_ids", "int64", ["tokens"]);
    this.#places = graph.input("places", "int64", ["tokens", heads]);
    const head = Array.from({ length: heads }, (_, i) => i);
    this.#buckets = lengths.map((length) => {
      const rows = graph.input(rowsInput(length), "int64", [`texts_${length}`, length]);
      const hidden = where(
        less(rows, 0),
        graph.scalar(MASKED, "float32"),
        graph.scalar(0, "float32"),
      );
      const first = gather(textIds, slice(rows, [0], [1], [1]), 0); // [texts, 1]
      return {
        parts: add(mul(unsqueeze(rows, [1]), heads), graph.constant(int64([heads, 1], head))),
        firstParts: add(mul(first, heads), graph.constant(int64([heads], head))),
        bias: unsqueeze(hidden, [1, 2]),
      };
    });
  }

  /**
   * Every token attends to all tokens of its text.
   *
   * @param q, k, v `[tokens, heads * size]`
   * @param scale what scores are multiplied by
   * @returns `[tokens, heads * size]`
   */
  all(q: Value, k: Value, v: Value, scale: number): Value {
    const contexts = this.#buckets.map((bucket) => {
      const query = gather(this.#chunks(q), bucket.parts, 0);
      return reshape(this.#attend(query, k, v, bucket, scale), [-1, this.size]);
    });
    const rows = gather(concat(contexts, 0), this.#places, 0);
    return reshape(rows, [-1, this.heads * this.size]);
  }

  /**
   * The first token of every text attends to all tokens of its text.
   *
   * @param q `[texts, heads * size]`
   * @param k, v `[tokens, heads * size]`
   * @returns `[texts, heads * size]`
   */
  first(q: Value, k: Value, v: Value, scale: number): Value {
    const contexts = this.#buckets.map((bucket) => {
      const query = unsqueeze(gather(this.#chunks(q), bucket.firstParts, 0), [2]);
      return reshape(squeeze(this.#attend(query, k, v, bucket, scale), [2]), [
        -1,
        this.heads * this.size,
      ]);
    });
    return reshapeLike(concat(contexts, 0), q);
  }

  /** @param query `[texts, heads, queries, size]` @returns as much */
  #attend(
    query: Value,
    k: Value,
    v: Value,
    { parts, bias }: Bucket,
    scale: number,
  ): Value {
    const keys = transpose(gather(this.#chunks(k), parts, 0), [0, 1, 3, 2]);
    const values = gather(this.#chunks(v), parts, 0);
    const scores = add(cast(mul(matmul(query, keys), scale), "float32"), bias);
    return matmul(cast(softmax(scores, -1), values.dtype), values);
  }

  #chunks(x: Value): Value {
    return reshape(x, [-1, this.size]);
  }
}
