import { join } from "node:path";
import { castTensor, readJson, type Tensor, tensor } from "@decorum/tensor";
import { openCheckpoint } from "./checkpoint.ts";
import { checkAdapter, layerScaling, type LinearLayers, loraKey, targetLayers } from "./lora.ts";
import { writeModelFolder } from "./model_folder.ts";
import type { PeftAdapter } from "./peft.ts";

/**
 * Merges a LoRA adapter into its base and writes the result as a Hugging Face folder:
 * `W + lora_alpha / r * B A` for every target layer, in the type the base is stored in, and the whole modules that
 * the adapter brings in the place of the base's.
 *
 * @param base the base model's folder; its tokenizer files are copied
 * @param layers the base model's linear layers
 * @throws InputError when the adapter does not fit the base
 */
export function mergeAdapter(
  base: string,
  layers: LinearLayers,
  adapter: Omit<PeftAdapter, "valueHead">,
  folder: string,
): void {
  const { config, parameters, savedModules = new Map() } = adapter;
  checkAdapter(parameters, config, layers, "to merge");
  using checkpoint = openCheckpoint(base);
  const tensors = new Map<string, Tensor>();
  for (const key of checkpoint.keys()) tensors.set(key, checkpoint.read(key));
  for (const layer of targetLayers(config, layers)) {
    const key = `${layer}.weight`;
    checkpoint.expect(key, layers.get(layer)!);
    const weight = checkpoint.read(key);
    const [a, b] = (["A", "B"] as const).map((matrix) => parameters.get(loraKey(layer, matrix))!);
    const merged = addProduct(
      castTensor(weight, "float32"),
      b!,
      a!,
      layerScaling(config, layer),
    );
    tensors.set(checkpoint.nameOf(key), castTensor(merged, weight.dtype));
  }
  for (const [key, value] of savedModules) {
    tensors.set(checkpoint.has(key) ? checkpoint.nameOf(key) : key, value);
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
