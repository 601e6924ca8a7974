import { randomKey, type Tensor, tensor, uniforms, zeros } from "@decorum/tensor";

/** LoRA hyper-parameters under PEFT's meaning, in camel case (Hu et al. 2021). */
export interface LoraConfig {
  readonly r: number;
  readonly loraAlpha: number;
  readonly loraDropout: number;
  /** Names of linear layers: the end of their dotted name, or the whole of it, as in PEFT. */
  readonly targetModules: readonly string[];
}

/** Linear layers of a model by dotted name: output and input features. */
export type LinearLayers = ReadonlyMap<string, readonly [out: number, inp: number]>;

/** Parameters of one adapter under PEFT's own keys. */
export type Adapter = ReadonlyMap<string, Tensor<"float32">>;

/** PEFT's prefix of every adapter key. */
const PREFIX = "base_model.model.";

/** PEFT's key of one of the two matrices of a layer. */
export function loraKey(layer: string, matrix: "A" | "B"): string {
  return `${PREFIX}${layer}.lora_${matrix}.weight`;
}

/** What B A is multiplied by: lora_alpha / r. */
export function loraScaling(config: LoraConfig): number {
  return config.loraAlpha / config.r;
}

/**
 * The layers that an adapter changes, in the model's order.
 *
 * @throws RangeError when a target names no linear layer of the model, listing the names there are.
 */
export function targetLayers(config: LoraConfig, layers: LinearLayers): string[] {
  const matches = (layer: string, target: string) =>
    layer === target || layer.endsWith(`.${target}`);
  for (const target of config.targetModules) {
    if ([...layers.keys()].some((layer) => matches(layer, target))) continue;
    const names = [...new Set([...layers.keys()].map((layer) => layer.split(".").at(-1)))];
    throw new RangeError(
      `Cannot target "${target}" with LoRA: the model has no such linear layer; it has ${
        names.join(", ")
      }`,
    );
  }
  return [...layers.keys()].filter((layer) =>
    config.targetModules.some((target) => matches(layer, target))
  );
}

/** Shapes of an adapter's parameters: A `[r, in]` and B `[out, r]` of every target layer. */
export function adapterShapes(
  config: LoraConfig,
  layers: LinearLayers,
): Map<string, readonly [number, number]> {
  const shapes = new Map<string, readonly [number, number]>();
  for (const layer of targetLayers(config, layers)) {
    const [out, inp] = layers.get(layer)!;
    shapes.set(loraKey(layer, "A"), [config.r, inp]);
    shapes.set(loraKey(layer, "B"), [out, config.r]);
  }
  return shapes;
}

/**
 * A new adapter: A uniform as PEFT draws it (Kaiming with a = sqrt(5): bound 1/sqrt(in)), B zero, so
 * that the adapted model starts equal to its base.
 */
export function initAdapter(config: LoraConfig, layers: LinearLayers, seed: number): Adapter {
  const adapter = new Map<string, Tensor<"float32">>();
  for (const [name, dims] of adapterShapes(config, layers)) {
    if (name.endsWith(".lora_B.weight")) {
      adapter.set(name, zeros("float32", dims));
      continue;
    }
    const bound = 1 / Math.sqrt(dims[1]);
    const draws = uniforms(randomKey(seed, "lora", name), 0, dims[0] * dims[1]);
    adapter.set(name, tensor("float32", dims, draws.map((u) => (2 * u - 1) * bound)));
  }
  return adapter;
}

/** Checks that an adapter has exactly the parameters that a config asks of a model. */
export function checkAdapter(
  adapter: ReadonlyMap<string, { readonly dims: readonly number[] }>,
  config: LoraConfig,
  layers: LinearLayers,
  source: string,
): void {
  const shapes = adapterShapes(config, layers);
  const missing = [...shapes.keys()].filter((name) => !adapter.has(name));
  const foreign = [...adapter.keys()].filter((name) => !shapes.has(name));
  if (missing.length > 0 || foreign.length > 0) {
    const list = (names: string[]) => `${names.length} (first: "${names[0]}")`;
    throw new TypeError(
      `Cannot use adapter ${source} with this base model: ` + [
        ...(missing.length > 0 ? [`missing tensors: ${list(missing)}`] : []),
        ...(foreign.length > 0 ? [`tensors of no target layer: ${list(foreign)}`] : []),
      ].join("; ") + "; the adapter was made for another base or other target modules",
    );
  }
  for (const [name, dims] of shapes) {
    const found = adapter.get(name)!.dims;
    if (found.length === dims.length && found.every((d, i) => d === dims[i])) continue;
    throw new TypeError(
      `Cannot use adapter ${source} with this base model: tensor "${name}" is [${found}]; expected [${dims}]`,
    );
  }
}
