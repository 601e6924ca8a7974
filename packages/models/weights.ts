import { basename } from "node:path";
import { type ComputeType, type DType, InputError } from "@decorum/tensor";
import { cast, type Graph, type GraphBuilder, type Shape, type Value } from "@decorum/onnx";
import type { TensorInfo } from "./checkpoint.ts";

/** A graph and the files that its weights lie in, by the location it names. */
export interface ModelGraph {
  readonly graph: Graph;
  readonly files: ReadonlyMap<string, string>;
}

/** What the graphs need to know of a checkpoint; `Checkpoint` is one. */
export interface WeightIndex {
  has(key: string): boolean;
  expect(key: string, dims: readonly number[], dtypes?: readonly DType[]): TensorInfo;
}

/** A weight index without a checkpoint: takes every weight that a graph asks for, and remembers its shape. */
export class RecordedWeights implements WeightIndex {
  /** Shapes by the checkpoint's own key, in the order in which the graph asks. */
  readonly shapes: Map<string, readonly number[]> = new Map();

  /** @param absent keys that the model does not have */
  constructor(readonly absent: readonly string[] = []) {}

  has(key: string): boolean {
    return !this.absent.includes(key);
  }

  expect(key: string, dims: readonly number[]): TensorInfo {
    this.shapes.set(key, dims);
    return { dtype: "float32", dims, offset: 0, length: 0, file: "model.safetensors" };
  }
}

export interface WeightsOptions {
  /**
   * Element type of the matrix products in the blocks; all else is float32: residual stream, norms, softmax,
   * activation functions, LM head, losses. Default float32. See `computeTypeOf`.
   */
  readonly computeType?: ComputeType;
  /** Keys whose weight is an input of the graph (float32), because it is being trained. Default none. */
  readonly trainable?: (key: string) => boolean;
}

const floats: readonly DType[] = ["float32", "float16", "bfloat16"];

/**
 * The weights of one checkpoint as values of one graph, each under the checkpoint's own key: a constant
 * that lies in the checkpoint's file, or an input where it is trained.
 */
export class Weights {
  readonly computeType: ComputeType;
  readonly #trainable: (key: string) => boolean;
  /** External data by the location that the graph names: absolute path of the file. */
  readonly files: Map<string, string> = new Map();

  constructor(
    readonly graph: GraphBuilder,
    readonly index: WeightIndex,
    options: WeightsOptions = {},
  ) {
    this.computeType = options.computeType ?? "float32";
    this.#trainable = options.trainable ?? (() => false);
  }

  has(key: string): boolean {
    return this.index.has(key);
  }

  /** Whether the weight is an input of the graph. */
  isTrained(key: string): boolean {
    return this.#trainable(key);
  }

  /** The weight in the type it is stored in; a trained one in float32. */
  stored(key: string, dims: readonly number[]): Value {
    const known = this.graph.find(key);
    if (known) return known;
    const info = this.index.expect(key, dims, floats);
    if (this.#trainable(key)) return this.graph.input(key, "float32", dims);
    const location = basename(info.file);
    const other = this.files.get(location);
    if (other !== undefined && other !== info.file) {
      throw new InputError(
        `Cannot use weights of ${info.file} and ${other} in one graph: both are called ${location}`,
      );
    }
    this.files.set(location, info.file);
    return this.graph.initializer({
      name: key,
      type: { dtype: info.dtype, shape: info.dims },
      external: { location, offset: info.offset, length: info.length },
    });
  }

  /** The weight for a matrix product, in the compute type unless another is asked for. */
  matrix(key: string, dims: readonly number[], type: ComputeType = this.computeType): Value {
    return cast(this.stored(key, dims), type);
  }

  /** The weight in float32: norms, biases, embeddings. */
  float32(key: string, dims: readonly number[]): Value {
    return cast(this.stored(key, dims), "float32");
  }
}

/**
 * A float32 parameter that each run is fed: an input of the outermost graph, declared where it is first
 * used. A subgraph's own inputs are its operator's to fill.
 */
export function parameter(graph: GraphBuilder, name: string, shape: Shape): Value {
  let model = graph;
  while (model.parent) model = model.parent;
  return graph.find(name) ?? model.input(name, "float32", shape);
}
