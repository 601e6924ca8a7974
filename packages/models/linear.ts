import { cast, gemm, mul, type Value } from "@decorum/onnx";
import type { ComputeType } from "@decorum/tensor";
import { type LinearLayers, type LoraConfig, loraKey, loraScaling, targetLayers } from "./lora.ts";
import type { Weights } from "./weights.ts";

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

  /** Name of the input that holds lora_alpha / r, or 0. */
  get scaleName(): string {
    return `${this.#prefix}lora_scale`;
  }

  /** The value to feed as `lora_scale` when the adapter is on. */
  get scaling(): number {
    return loraScaling(this.config);
  }

  /** `y + scale * (x A^T) B^T` where `layer` is a target, else `y`. */
  apply(layer: string, x: Value, y: Value): Value {
    if (!this.#targets.has(layer)) return y;
    const [out, inp] = this.layers.get(layer)!;
    const { r } = this.config;
    const a = cast(this.#input(loraKey(layer, "A"), [r, inp]), y.dtype);
    const b = cast(this.#input(loraKey(layer, "B"), [out, r]), y.dtype);
    const dropped = this.options.dropout
      ? mul(x, cast(this.#input(`${layer}.lora_dropout`, [x.shape[0]!, inp]), x.dtype))
      : x;
    const low = gemm(dropped, a, undefined, { transB: true });
    return gemm(mul(low, cast(this.#input("lora_scale", []), y.dtype)), b, y, { transB: true });
  }

  #input(name: string, shape: readonly (number | string)[]): Value {
    const { graph } = this.weights;
    return graph.find(this.#prefix + name) ?? graph.input(this.#prefix + name, "float32", shape);
  }
}

export interface LinearOptions {
  /** Adds `<layer>.bias`. */
  readonly bias?: boolean;
  /** Element type of the product; default the weights' compute type. */
  readonly computeType?: ComputeType;
}

/** Linear layers of a model under the checkpoint's keys, each with the adapter's part where it has one. */
export class Linear {
  constructor(
    readonly weights: Weights,
    readonly layers: LinearLayers,
    readonly adapter?: AdapterInputs,
  ) {}

  /**
   * `x W^T (+ b)` of the layer called `name`.
   *
   * @param x `[rows, in]`
   * @returns `[rows, out]` in the type the product ran in
   */
  forward(name: string, x: Value, options: LinearOptions = {}): Value {
    const size = this.layers.get(name);
    if (!size) throw new Error(`internal: the model lists no linear layer "${name}"`);
    const { computeType = this.weights.computeType } = options;
    return this.weights.graph.scope(name.split(".").slice(-2).join("."), () => {
      const input = cast(x, computeType);
      const w = this.weights.matrix(`${name}.weight`, size, computeType);
      const c = options.bias
        ? cast(this.weights.stored(`${name}.bias`, [size[0]]), computeType)
        : undefined;
      const y = gemm(input, w, c, { transB: true });
      return this.adapter?.apply(name, input, y) ?? y;
    });
  }
}
