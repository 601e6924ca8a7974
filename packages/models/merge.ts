import { join } from "node:path";
import { castTensor, type Tensor, tensor } from "@decorum/tensor";
import { openCheckpoint } from "./checkpoint.ts";
import { readJson } from "./config.ts";
import {
  type Adapter,
  checkAdapter,
  type LinearLayers,
  type LoraConfig,
  loraKey,
  loraScaling,
  targetLayers,
} from "./lora.ts";
import { writeModelFolder } from "./model_folder.ts";

/**
 * Merges a LoRA adapter into its base and writes the result as a Hugging Face folder:
 * `W + lora_alpha / r * B A` for every target layer, in the type the base is stored in.
 *
 * @param base the base model's folder; its tokenizer files are copied
 * @param layers the base model's linear layers (`t5LinearLayers`, `classifierLinearLayers`)
 * @throws InputError when the adapter does not fit the base
 */
export function mergeAdapter(
  base: string,
  layers: LinearLayers,
  adapter: { readonly config: LoraConfig; readonly parameters: Adapter },
  folder: string,
): void {
  const { config, parameters } = adapter;
  checkAdapter(parameters, config, layers, "to merge");
  using checkpoint = openCheckpoint(base);
  const targets = new Set(targetLayers(config, layers).map((layer) => `${layer}.weight`));
  const tensors = new Map<string, Tensor>();
  for (const key of checkpoint.keys()) {
    const weight = checkpoint.read(key);
    if (!targets.has(key)) {
      tensors.set(key, weight);
      continue;
    }
    checkpoint.expect(key, layers.get(key.slice(0, -".weight".length))!);
    const layer = key.slice(0, -".weight".length);
    const a = parameters.get(loraKey(layer, "A"))!;
    const b = parameters.get(loraKey(layer, "B"))!;
    const merged = addProduct(castTensor(weight, "float32"), b, a, loraScaling(config));
    tensors.set(key, castTensor(merged, weight.dtype));
  }
  writeModelFolder(folder, {
    config: readJson(join(base, "config.json")),
    tensors,
    companionsOf: base,
  });
}

/** `W + scale * B A`, summed in double. @param b `[out, r]` @param a `[r, in]` */
function addProduct(
  w: Tensor<"float32">,
  b: Tensor<"float32">,
  a: Tensor<"float32">,
  scale: number,
): Tensor<"float32"> {
  const [r, width] = a.dims as [number, number];
  const merged = new Float32Array(w.data.length);
  const row = new Float64Array(width);
  for (let start = 0, out = 0; start < merged.length; start += width, out++) {
    row.fill(0);
    for (let k = 0; k < r; k++) {
      const factor = scale * b.data[out * r + k]!;
      for (let j = 0; j < width; j++) row[j]! += factor * a.data[k * width + j]!;
    }
    for (let j = 0; j < width; j++) merged[start + j] = w.data[start + j]! + row[j]!;
  }
  return tensor("float32", w.dims, merged);
}
