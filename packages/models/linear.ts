import { cast, concat, gemm, GraphBuilder, mul, split, type Value } from "@decorum/onnx";
import { type ComputeType, zeros } from "@decorum/tensor";
import {
  layerScaling,
  type LinearLayers,
  type LoraConfig,
  loraKey,
  loraRank,
  loraScaling,
  targetLayers,
} from "./lora.ts";
import { parameter, RecordedWeights, Weights } from "./weights.ts";

export interface AdapterOptions {
  /** Before every input's name: tells several adapters of one graph apart. Default none. */
  readonly prefix?: string;
  /** Adds an input `<layer>.lora_dropout` `[rows, in]` (0 or 1 / (1 - p)) for each target layer. */
  readonly dropout?: boolean;
}

/**
 * One LoRA adapter as inputs of a graph: A and B of every target layer under PEFT's keys, and the scalar
 * `lora_scale`. A scale of 0 turns the adapter off, so that the same session computes the base model.
 */
export class AdapterInputs {
  readonly #targets: ReadonlySet<string>;
  readonly #prefix: string;

  constructor(
    readonly weights: Weights,
    readonly config: LoraConfig,
    readonly layers: LinearLayers,
    readonly options: AdapterOptions = {},
  ) {
    this.#targets = new Set(targetLayers(config, layers));
    this.#prefix = options.prefix ?? "";
  }

  /** Whether the adapter changes a layer. */
  adapts(layer: string): boolean {
    return this.#targets.has(layer);
  }

  /** Name of the input that holds lora_alpha / r, or 0. */
  get scaleName(): string {
    return `${this.#prefix}lora_scale`;
  }

  /** The value to feed as `lora_scale` when the adapter is on. */
  get scaling(): number {
    return loraScaling(this.config);
  }

  /**
   * `y + scale * (x A^T) B^T` for each of some layers of the same input; `y` where one is no target.
   *
   * The narrow products with A are made as one: alone they are bound by moving x, not by arithmetic.
   *
   * @param x `[rows, in]`
   * @param products one `[rows, out]` for each layer
   */
  apply(layers: readonly string[], x: Value, products: readonly Value[]): Value[] {
    const targets = layers.filter((layer) => this.#targets.has(layer));
    const lows = this.options.dropout
      ? targets.map((layer) => this.#low([layer], this.#dropped(layer, x))[0]!)
      : this.#low(targets, x);
    return layers.map((layer, i) => {
      const y = products[i]!;
      const low = lows[targets.indexOf(layer)];
      if (!low) return y;
      const [out] = this.layers.get(layer)!;
      const r = loraRank(this.config, layer);
      const b = cast(this.#input(loraKey(layer, "B"), [out, r]), y.dtype);
      return gemm(low, b, y, { transB: true });
    });
  }

  /** `scale * (x A^T)` of each layer, `[rows, r]`. */
  #low(layers: readonly string[], x: Value): Value[] {
    if (layers.length === 0) return [];
    const inp = this.layers.get(layers[0]!)![1];
    const ranks = layers.map((layer) => loraRank(this.config, layer));
    const matrices = layers.map((layer, i) =>
      cast(this.#input(loraKey(layer, "A"), [ranks[i]!, inp]), x.dtype)
    );
    const a = matrices.length === 1 ? matrices[0]! : concat(matrices, 0);
    const scale = cast(this.#input("lora_scale", []), x.dtype);
    const low = mul(gemm(x, a, undefined, { transB: true }), scale);
    const lows = layers.length === 1 ? [low] : split(low, ranks, 1);
    return lows.map((one, i) => {
      // Layers may have a scale of their own; the input holds the one of all others, or 0.
      const factor = layerScaling(this.config, layers[i]!) / this.scaling;
      return factor === 1 ? one : mul(one, factor);
    });
  }

  #dropped(layer: string, x: Value): Value {
    const shape = [x.shape[0]!, this.layers.get(layer)![1]];
    return mul(x, cast(this.#input(`${layer}.lora_dropout`, shape), x.dtype));
  }

  #input(name: string, shape: readonly (number | string)[]): Value {
    return parameter(this.weights.graph, this.#prefix + name, shape);
  }
}

export interface LinearOptions {
  /** Adds `<layer>.bias`. */
  readonly bias?: boolean;
  /** Element type of the product; default the weights' compute type. */
  readonly computeType?: ComputeType;
  /** Zeros appended to the output's rows, and zeros that the input's rows end with: see `Linear.padding`. */
  readonly padOut?: number;
  readonly padIn?: number;
}

/** Rows that lie a multiple of this many bytes apart fall into the same few lines of a processor's first cache. */
const CACHE_STRIDE = 4096;
/** Elements of one line of that cache. */
const CACHE_LINE = 16;

/** Linear layers of a model under the checkpoint's keys, each with the adapter's part where it has one. */
export class Linear {
  /** The layers that were asked for, in that order. */
  readonly layers: Map<string, readonly [out: number, inp: number]> = new Map();

  constructor(readonly weights: Weights, readonly adapter?: AdapterInputs) {}

  /**
   * `x W^T (+ b)` of the layer called `name`.
   *
   * @param out features of the result
   * @param x `[rows, in]`
   * @returns `[rows, out]` in the type the product ran in
   */
  forward(name: string, out: number, x: Value, options: LinearOptions = {}): Value {
    return this.forwardAll([name], out, x, options)[0]!;
  }

  /** The same for several layers of one input, all as wide. @returns one `[rows, out]` for each */
  forwardAll(
    names: readonly string[],
    out: number,
    x: Value,
    options: LinearOptions = {},
  ): Value[] {
    const input = cast(x, options.computeType ?? this.weights.computeType);
    const products = names.map((name) => this.#product(name, out, input, options));
    return this.adapter
      ? this.#scoped(names[0]!, () => this.adapter!.apply(names, input, products))
      : products;
  }

  /**
   * Zeros that rows between two groups of layers are to end with, so that products read them at full speed.
   *
   * A kernel reads a dozen rows at a time. Where they lie a multiple of 4096 bytes apart (2048 and 3072 features
   * are such widths) they evict each other from the first-level cache: `docs/performance.md` has the measure.
   * The zeros change no result. Only frozen float32 weights are padded, once, when a session is made.
   *
   * @param width of the rows, without padding
   * @param names layers that make the rows, and that read them
   */
  padding(width: number, names: readonly string[]): number {
    const padded = this.weights.computeType === "float32" && 4 * width % CACHE_STRIDE === 0 &&
      !names.some((name) => this.adapter?.adapts(name) || this.weights.isTrained(`${name}.weight`));
    return padded ? CACHE_LINE : 0;
  }

  /** Notes a layer. @returns `[out, in]`, its input's padding not counted */
  protected size(name: string, out: number, x: Value, padIn = 0): readonly [number, number] {
    const width = x.shape.at(-1);
    if (typeof width !== "number") throw new Error(`internal: the input of "${name}" has no width`);
    const size = [out, width - padIn] as const;
    this.layers.set(name, size);
    return size;
  }

  #scoped<T>(name: string, body: () => T): T {
    return this.weights.graph.scope(name.split(".").slice(-2).join("."), body);
  }

  #product(
    name: string,
    out: number,
    input: Value,
    { bias, padOut = 0, padIn = 0 }: LinearOptions,
  ): Value {
    const size = this.size(name, out, input, padIn);
    const computeType = input.dtype as ComputeType;
    return this.#scoped(name, () => {
      const w = this.weights.matrix(`${name}.weight`, size, computeType);
      const c = bias ? cast(this.weights.stored(`${name}.bias`, [out]), computeType) : undefined;
      const padded = this.#padded(this.#padded(w, [out, padIn], 1), [padOut, size[1] + padIn], 0);
      return gemm(input, padded, c && this.#padded(c, [padOut], 0), { transB: true });
    });
  }

  /** The runtime does this once, when it loads the model: both parts are constants. */
  #padded(weight: Value, shape: readonly number[], axis: number): Value {
    if (shape[axis] === 0) return weight;
    return concat([weight, weight.graph.constant(zeros("float32", shape))], axis);
  }
}

/** How one weight of a new model begins: a constant, or normal with this deviation. */
export type Start = { readonly constant: number } | { readonly std: number };

/** What a model's graph asks for. */
export interface LayerTable {
  /** Linear layers by dotted name, in the order in which they run. */
  readonly layers: LinearLayers;
  /** Shapes of a new model's weights by key. */
  readonly weightShapes: ReadonlyMap<string, readonly number[]>;
  /** Whether a layer sees rows of the prompt (of all tokens, in a classifier), or of the response (one row a text). */
  rowsOf(layer: string): "source" | "target";
}

/**
 * A model with the table of its layers: its graph is built without a checkpoint, once somebody asks, to learn what it
 * asks for.
 *
 * @param build is given a function that runs a part whose new layers see rows of the source
 * @param absent keys that the model does not have
 */
export function withLayers<Parts extends object>(
  parts: Parts,
  build: (graph: GraphBuilder, linear: Linear, ofSource: <T>(part: () => T) => T) => void,
  absent: readonly string[] = [],
): Parts & LayerTable {
  const source = new Set<string>();
  let found: Pick<LayerTable, "layers" | "weightShapes"> | undefined;
  const run = () => {
    if (found) return found;
    const graph = new GraphBuilder("dry_run");
    const index = new RecordedWeights(absent);
    const linear = new Linear(new Weights(graph, index));
    build(graph, linear, (part) => {
      const before = linear.layers.size;
      const result = part();
      for (const name of [...linear.layers.keys()].slice(before)) source.add(name);
      return result;
    });
    return found = { layers: linear.layers, weightShapes: index.shapes };
  };
  return {
    ...parts,
    get layers() {
      return run().layers;
    },
    get weightShapes() {
      return run().weightShapes;
    },
    rowsOf: (layer) => run() && source.has(layer) ? "source" : "target",
  };
}
