import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  castTensor,
  InputError,
  readSafetensors,
  type Tensor,
  TorchCheckpoint,
  writeSafetensors,
} from "@decorum/tensor";
import { readJson } from "./config.ts";
import { insideFolder } from "./inside_folder.ts";
import { type Adapter, checkAdapter, type LinearLayers, type LoraConfig } from "./lora.ts";
import { parsePeftConfig, peftConfigJson } from "./peft_config.ts";
import { replaceFolder } from "./replace_folder.ts";
import { checkValueHead } from "./value_head.ts";

const CONFIG = "adapter_config.json";
const ADAPTER = ["adapter_model.safetensors", "adapter_model.bin"] as const;
/** Where TRL looks for a value head beside an adapter (`PreTrainedModelWrapper.from_pretrained`). */
const VALUE_HEAD = ["model.safetensors", "pytorch_model.bin"] as const;

/** What an adapter folder holds. */
export interface PeftAdapter {
  readonly config: LoraConfig;
  /** Under PEFT's keys. */
  readonly parameters: Adapter;
  /** `v_head.summary.*`, where a value head was saved beside the adapter. */
  readonly valueHead?: ReadonlyMap<string, Tensor<"float32">>;
}

/**
 * Reads a PEFT adapter folder: `adapter_config.json`; `adapter_model.safetensors`, else `.bin`; and the value
 * head that TRL saves beside them (`pytorch_model.bin`) or {@link writePeftAdapter} (`model.safetensors`).
 *
 * @param layers the base model's linear layers, against which names and shapes are checked
 * @throws Error when a file is missing; InputError naming file and field or tensor: more than
 * plain LoRA, another base.
 */
export function readPeftAdapter(folder: string, layers: LinearLayers): PeftAdapter {
  const configFile = join(folder, CONFIG);
  const config = parsePeftConfig(readJson(configFile), configFile, layers);
  const file = firstOf(folder, ADAPTER);
  if (file === undefined) {
    throw new InputError(`Cannot read adapter ${folder}: it has no ${ADAPTER.join(" and no ")}`);
  }
  const parameters = readFloats(file);
  checkAdapter(parameters, config, layers, file);
  const headFile = firstOf(folder, VALUE_HEAD);
  if (headFile === undefined) return { config, parameters };
  const valueHead = readFloats(headFile);
  checkValueHead(valueHead, headFile);
  return { config, parameters, valueHead };
}

/**
 * Writes an adapter folder that PEFT loads (`PeftModel.from_pretrained`), whole or not at all; an adapter
 * folder of that name is replaced. A value head goes into a file of its own, `model.safetensors`, where
 * TRL's `from_pretrained` finds it and PEFT does not look.
 *
 * @param options.base what `base_model_name_or_path` says, where it is known
 * @throws Error when `folder` exists and is neither empty nor an adapter
 */
export function writePeftAdapter(
  folder: string,
  adapter: PeftAdapter,
  options: { readonly base?: string } = {},
): void {
  const { config, parameters, valueHead } = adapter;
  if (valueHead) checkValueHead(valueHead, "to write");
  replaceFolder(folder, CONFIG, (temporary) => {
    const json = JSON.stringify(peftConfigJson(config, options), null, 2);
    writeFileSync(join(temporary, CONFIG), json + "\n");
    writeSafetensors(join(temporary, ADAPTER[0]), parameters, { format: "pt" });
    if (valueHead) writeSafetensors(join(temporary, VALUE_HEAD[0]), valueHead, { format: "pt" });
  });
}

function firstOf(folder: string, names: readonly string[]): string | undefined {
  const found = names.find((name) => existsSync(join(folder, name)));
  return found === undefined ? undefined : insideFolder(folder, found);
}

function readFloats(path: string): Map<string, Tensor<"float32">> {
  return new Map(
    [...readTensors(path)].map(([name, value]) => [name, castTensor(value, "float32")]),
  );
}

function readTensors(path: string): Map<string, Tensor> {
  if (!path.endsWith(".bin")) return readSafetensors(path);
  using file = TorchCheckpoint.open(path);
  return new Map([...file.tensors.keys()].map((name) => [name, file.read(name)]));
}
