import { join } from "node:path";
import {
  type Adapter,
  checkAdapter,
  type Checkpoint,
  initAdapter,
  type LinearLayers,
  type LoraConfig,
  readJson,
  type WeightIndex,
  writeModelFolder,
  writePeftAdapter,
} from "@decorum/models";
import type { Graph } from "@decorum/onnx";
import type { Params } from "@decorum/optim";
import { castTensor, type Tensor } from "@decorum/tensor";

/** What is trained of a model: a LoRA adapter where `lora` is given, else every weight. */
export interface TrainedPart {
  readonly lora?: LoraConfig;
  /** The adapter to start from; a new one by default. */
  readonly adapter?: Adapter;
  /** Of a new adapter and of dropout; default 0. */
  readonly seed?: number;
}

/**
 * The checkpoint as training sees it: a head that the config ties to the embedding is not a weight of its
 * own, even where a file holds a copy of it.
 */
export function trainingIndex(checkpoint: Checkpoint): WeightIndex {
  const config = readJson(join(checkpoint.folder, "config.json"));
  const tied = config["model_type"] === "t5" && (config["tie_word_embeddings"] ?? true) === true;
  return {
    has: (key) => checkpoint.has(key) && !(tied && key === "lm_head.weight"),
    expect: (key, dims, dtypes) => checkpoint.expect(key, dims, dtypes),
  };
}

/** The parameters that training starts from, by the name of their graph input. */
export function startParams(
  part: TrainedPart,
  layers: LinearLayers,
  checkpoint: Checkpoint,
  forward: Graph,
): Params {
  if (part.lora) {
    if (part.adapter) checkAdapter(part.adapter, part.lora, layers, "to start from");
    return part.adapter ?? initAdapter(part.lora, layers, part.seed ?? 0);
  }
  const names = forward.inputs.map((input) => input.name).filter((name) => checkpoint.has(name));
  return new Map(names.map((name) => [name, castTensor(checkpoint.read(name), "float32")]));
}

/**
 * Writes what was trained: a PEFT adapter folder, or a whole Hugging Face model folder with the base's
 * config and tokenizer files.
 *
 * @param config fields of the base's `config.json` to change
 */
export function saveTrained(
  folder: string,
  base: string,
  part: TrainedPart,
  params: Params,
): void {
  if (part.lora) {
    writePeftAdapter(folder, { config: part.lora, parameters: params }, { base });
    return;
  }
  const tensors = new Map<string, Tensor>(params);
  const { torch_dtype: _, ...kept } = readJson(join(base, "config.json"));
  const config = { ...kept, dtype: "float32" };
  writeModelFolder(folder, { config, tensors, companionsOf: base });
}
