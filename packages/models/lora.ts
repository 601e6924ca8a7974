import { InputError, randomKey, type Tensor, tensor, uniforms, zeros } from "@decorum/tensor";

/** LoRA hyper-parameters under PEFT's meaning, in camel case (Hu et al. 2021). */
export interface LoraConfig {
  readonly r: number;
  readonly loraAlpha: number;
  readonly loraDropout: number;
  /** Names of linear layers: the end of their dotted name, or the whole of it, as in PEFT. */
  readonly targetModules: readonly string[];
  /** Rank and lora_alpha of layers where they are other ones, by the layer's whole name. */
  readonly rankPattern?: Readonly<Record<string, number>>;
  readonly alphaPattern?: Readonly<Record<string, number>>;
}

/** Linear layers of a model by dotted name: output and input features. */
export type LinearLayers = ReadonlyMap<string, readonly [out: number, inp: number]>;

/** Parameters of one adapter under PEFT's own keys. */
export type Adapter = ReadonlyMap<string, Tensor<"float32">>;

/** PEFT's prefix of every adapter key. */
export const PREFIX = "base_model.model.";

/** PEFT's key of one of the two matrices of a layer. */
export function loraKey(layer: string, matrix: "A" | "B"): string {
  return `${PREFIX}${layer}.lora_${matrix}.weight`;
}

/** What B A is multiplied by: lora_alpha / r. */
export function loraScaling(config: LoraConfig): number {
  return config.loraAlpha / config.r;
}

/** Rank of a layer's matrices. */
export function loraRank(config: LoraConfig, layer: string): number {
  return config.rankPattern?.[layer] ?? config.r;
}

/** What a layer's B A is multiplied by. */
export function layerScaling(config: LoraConfig, layer: string): number {
  return (config.alphaPattern?.[layer] ?? config.loraAlpha) / loraRank(config, layer);
}

/**
 * Settings of an adapter that starts from another one: those that were asked for, with what single layers of the other
 * have of their own, which no setting says.
 *
 * @param what names the settings that were asked for, in messages
 * @param source names the other adapter
 * @throws InputError when the two differ
 */
export function startingFrom(
  asked: LoraConfig,
  start: LoraConfig,
  layers: LinearLayers,
  { what, source }: { readonly what: string; readonly source: string },
): LoraConfig {
  const found = targetLayers(start, layers, source);
  const wanted = targetLayers(asked, layers, what);
  // An adapter of some of the layers names each of them.
  const some = start.targetModules.every((name) => layers.has(name)) &&
    found.every((layer) => wanted.includes(layer));
  if (
    start.r !== asked.r || start.loraAlpha !== asked.loraAlpha ||
    !(some || found.join() === wanted.join())
  ) {
    const show = ({ r, loraAlpha, targetModules }: LoraConfig, all: readonly string[]) =>
      `r ${r}, lora_alpha ${loraAlpha}, target_modules [${
        targetModules.join(", ")
      }] (${all.length} layers)`;
    throw new InputError(
      `Cannot start from adapter ${source}: it has ${show(start, found)}, ${what} says ${
        show(asked, wanted)
      }; set it to the adapter's`,
    );
  }
  const { rankPattern, alphaPattern } = start;
  return {
    ...asked,
    targetModules: some ? start.targetModules : asked.targetModules,
    ...(rankPattern ? { rankPattern } : {}),
    ...(alphaPattern ? { alphaPattern } : {}),
  };
}

/**
 * The layers that an adapter changes, in the model's order.
 *
 * @param source names the adapter in messages
 * @throws InputError when a target names no linear layer of the model, listing the names there are; when
 * there is no target, or r is no positive integer.
 */
export function targetLayers(
  config: LoraConfig,
  layers: LinearLayers,
  source = "LoRA",
): string[] {
  const { r, targetModules } = config;
  if (!Number.isInteger(r) || r < 1) {
    throw new InputError(`Cannot use ${source} with r ${r}: expected an integer of 1 or more`);
  }
  const matches = (layer: string, target: string) =>
    layer === target || layer.endsWith(`.${target}`);
  const names = [...layers.keys()];
  const unknown = targetModules.filter((target) => !names.some((name) => matches(name, target)));
  if (unknown.length > 0 || targetModules.length === 0) {
    const last = [...new Set(names.map((layer) => layer.split(".").at(-1)))];
    throw new InputError(
      `Cannot use ${source}: targetModules ${
        unknown.length > 0 ? `${list(unknown)} are no linear layers of this base model` : "is empty"
      }; it has ${last.join(", ")}`,
    );
  }
  return names.filter((layer) => targetModules.some((target) => matches(layer, target)));
}

const list = (names: readonly string[]) => names.map((name) => `"${name}"`).join(", ");

/** Shapes of an adapter's parameters: A `[r, in]` and B `[out, r]` of every target layer, r being the layer's. */
export function adapterShapes(
  config: LoraConfig,
  layers: LinearLayers,
): Map<string, readonly [number, number]> {
  const shapes = new Map<string, readonly [number, number]>();
  for (const layer of targetLayers(config, layers)) {
    const [out, inp] = layers.get(layer)!;
    const r = loraRank(config, layer);
    shapes.set(loraKey(layer, "A"), [r, inp]);
    shapes.set(loraKey(layer, "B"), [out, r]);
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

/**
 * Checks that an adapter has exactly the parameters that a config asks of a model.
 *
 * @param source names the adapter in messages
 * @throws InputError naming tensors that are missing, foreign, or of another shape; InputError as
 * {@link targetLayers}
 */
export function checkAdapter(
  adapter: ReadonlyMap<string, { readonly dims: readonly number[] }>,
  config: LoraConfig,
  layers: LinearLayers,
  source: string,
): void {
  const shapes = adapterShapes(config, layers);
  const missing = [...shapes.keys()].filter((name) => !adapter.has(name));
  const foreign = [...adapter.keys()].filter((name) => !shapes.has(name));
  const wrong = [...shapes].filter(([name, dims]) =>
    adapter.has(name) && `${adapter.get(name)!.dims}` !== `${dims}`
  );
  if (missing.length + foreign.length + wrong.length === 0) return;
  const count = (what: string, names: readonly string[]) =>
    names.length > 0 ? [`${names.length} ${what} (first: "${names[0]}")`] : [];
  const [name, dims] = wrong[0] ?? ["", []];
  const problems = [
    ...count("tensors are missing", missing),
    ...count("tensors belong to no target layer", foreign),
    ...count("tensors have another shape", wrong.map(([name]) => name)),
    ...(wrong.length > 0
      ? [`"${name}" is [${adapter.get(name)!.dims.join(", ")}], expected [${dims.join(", ")}]`]
      : []),
  ];
  throw new InputError(
    `Cannot use adapter ${source} with this base model: ${
      problems.join("; ")
    }; it was made for another base, rank or target modules`,
  );
}
