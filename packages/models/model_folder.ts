import { copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Tensor, writeSafetensors } from "@decorum/tensor";
import { replaceFolder } from "./replace_folder.ts";

/** Files of a model folder that are copied beside new weights: tokenizer, generation settings. */
const companions =
  /^(tokenizer.*\.json|special_tokens_map\.json|added_tokens\.json|generation_config\.json|vocab\.(json|txt)|merges\.txt|.*\.model)$/;

/** What a Hugging Face model folder is made of. */
export interface ModelFolder {
  /** `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** `model.safetensors`, under the checkpoint's own keys. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** A folder whose tokenizer and generation settings are copied. */
  readonly companionsOf?: string;
}

/**
 * Writes a Hugging Face model folder whole or not at all: into a temporary folder beside it, which is
 * renamed. A model folder of that name is replaced.
 *
 * @throws Error when `folder` exists and is neither empty nor a model folder
 */
export function writeModelFolder(folder: string, model: ModelFolder): void {
  replaceFolder(folder, "config.json", (temporary) => {
    if (model.companionsOf !== undefined) copyCompanions(model.companionsOf, temporary);
    writeFileSync(join(temporary, "config.json"), configText(model.config));
    writeSafetensors(join(temporary, "model.safetensors"), model.tensors, { format: "pt" });
  });
}

/**
 * Fields of the models' configs that transformers declares as `float` alone. It refuses an integer there, and
 * a number that came as 1.0 would leave JavaScript as 1.
 */
const floatFields =
  /^( *"(?:initializer_factor|initializer_range|layer_norm_eps|layer_norm_epsilon)": -?\d+)(?=,?$)/gm;

function configText(config: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(config, null, 2).replace(floatFields, "$1.0") + "\n";
}

function copyCompanions(from: string, to: string): void {
  for (const name of readdirSync(from)) {
    if (companions.test(name)) copyFileSync(join(from, name), join(to, name));
  }
}
