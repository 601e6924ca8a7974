import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  castTensor,
  firstNonFinite,
  InputError,
  readJson,
  readSafetensors,
  replaceFolder,
  type Tensor,
  TorchCheckpoint,
  writeSafetensors,
} from "@decorum/tensor";
import { notFinite } from "./checkpoint.ts";
import { parseJson } from "./config.ts";
import {
  type Adapter,
  checkAdapter,
  type LinearLayers,
  type LoraConfig,
  loraKey,
  PREFIX,
} from "./lora.ts";
import { insideFolder } from "./model_folder.ts";
import { configOf, isSaved, type PeftConfig, peftConfig, peftConfigJson } from "./peft_config.ts";
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
  /** `v_head.summary.*`, where a value head was saved in the adapter's file or beside it. */
  readonly valueHead?: Adapter;
  /** Weights that replace those of the base (PEFT's `modules_to_save`), under the base's keys. */
  readonly savedModules?: Adapter;
}

/**
 * Reads a PEFT adapter folder: `adapter_config.json`; `adapter_model.safetensors`, else `.bin`; and a value head in that
 * file, or beside it as TRL (`pytorch_model.bin`) and {@link writePeftAdapter} (`model.safetensors`) save it.
 *
 * Layers and ranks are those of the tensors in the file; the configuration gives what they are scaled by
 * (`lora_alpha`, `alpha_pattern`, `use_rslora`). Names may hold the adapter's own, as in `lora_A.default.weight`.
 *
 * @param layers the base model's linear layers, against which names and shapes are checked
 * @param options.savedModules take whole modules too, which only a merge can use; else they are refused
 * @throws InputError when a file is missing; naming file and field or tensor for more than plain LoRA, another base,
 * numbers that are not finite
 */
export function readPeftAdapter(
  folder: string,
  layers: LinearLayers,
  options: { readonly savedModules?: boolean } = {},
): PeftAdapter {
  const configFile = join(folder, CONFIG);
  const json = parseJson(readJson(configFile), configFile, peftConfig);
  const file = firstOf(folder, ADAPTER);
  if (file === undefined) {
    throw new InputError(`Cannot read adapter ${folder}: it has no ${ADAPTER.join(" and no ")}`);
  }
  const { matrices: parameters, valueHead: inside, savedModules } = sortTensors(
    readFloats(file),
    json,
    file,
  );
  const config = configOf(json, parameters, layers, { configFile, file });
  checkAdapter(parameters, config, layers, file);
  if (savedModules.size > 0 && !options.savedModules) {
    throw new InputError(
      `Cannot use adapter ${file}: besides LoRA it holds whole modules of the model (first: "${savedModules.keys().next().value}"); merge it into its base with "decorum export", and use the result`,
    );
  }
  const headFile = inside.size > 0 ? file : firstOf(folder, VALUE_HEAD);
  const valueHead = inside.size > 0 ? inside : headFile && readFloats(headFile);
  if (valueHead) checkValueHead(valueHead, headFile!);
  return {
    config,
    parameters,
    ...(valueHead ? { valueHead } : {}),
    ...(savedModules.size > 0 ? { savedModules } : {}),
  };
}

/** The tensors of an adapter's file by what they are for. */
function sortTensors(
  tensors: ReadonlyMap<string, Tensor<"float32">>,
  { modules_to_save }: PeftConfig,
  file: string,
) {
  const matrices = new Map<string, Tensor<"float32">>();
  const valueHead = new Map<string, Tensor<"float32">>();
  const savedModules = new Map<string, Tensor<"float32">>();
  const adapters = new Set<string>();
  for (const [name, value] of tensors) {
    const head = /(?:^|\.)(v_head\..+)$/.exec(name);
    const lora =
      /^(?:pretrained_model\.)?base_model\.model\.(.+)\.lora_([AB])(?:\.([^.]+))?\.weight$/
        .exec(name);
    if (head) valueHead.set(head[1]!, value);
    else if (lora) {
      adapters.add(lora[3] ?? "");
      matrices.set(loraKey(lora[1]!, lora[2] as "A" | "B"), value);
    } else {
      // Beside each saved module its wrapper holds the base's own.
      if (/\.original_module\./.test(name)) continue;
      const key = name.replace(PREFIX, "").replace(/\.modules_to_save\.[^.]+\./, ".");
      if (isSaved(key, modules_to_save) && name.startsWith(PREFIX)) savedModules.set(key, value);
      else matrices.set(name, value);
    }
  }
  if (adapters.size > 1) {
    throw new InputError(
      `Cannot use adapter ${file}: it holds ${adapters.size} adapters (${
        [...adapters].map((name) => `"${name}"`).join(", ")
      }); save one of them`,
    );
  }
  return { matrices, valueHead, savedModules };
}

/**
 * Writes an adapter folder that PEFT loads (`PeftModel.from_pretrained`), whole or not at all; an adapter
 * folder of that name is replaced. A value head goes into a file of its own, `model.safetensors`, where
 * TRL's `from_pretrained` finds it and PEFT does not look.
 *
 * @param options.base what `base_model_name_or_path` says, where it is known
 * @throws InputError when `folder` exists and is neither empty nor an adapter
 */
export function writePeftAdapter(
  folder: string,
  adapter: Omit<PeftAdapter, "savedModules">,
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

/** @throws InputError for a number that is NaN or infinite */
function readFloats(path: string): Map<string, Tensor<"float32">> {
  const floats = new Map<string, Tensor<"float32">>();
  for (const [name, value] of readTensors(path)) {
    const at = firstNonFinite(value);
    if (at !== undefined) throw notFinite(name, path, at);
    floats.set(name, castTensor(value, "float32"));
  }
  return floats;
}

function readTensors(path: string): Map<string, Tensor> {
  if (!path.endsWith(".bin")) return readSafetensors(path);
  using file = TorchCheckpoint.open(path);
  return new Map([...file.tensors.keys()].map((name) => [name, file.read(name)]));
}
