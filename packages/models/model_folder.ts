import { copyFileSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { InputError, replaceFolder, type Tensor, writeSafetensors } from "@decorum/tensor";

/** Files of a model folder that are copied beside new weights: tokenizer, generation settings. */
const companions =
  /^(tokenizer.*\.json|special_tokens_map\.json|added_tokens\.json|generation_config\.json|vocab\.(json|txt)|merges\.txt|.*\.model)$/;

/** What a Hugging Face model folder is made of. */
interface ModelFolder {
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

/**
 * The path of a file of a model folder, once it is certain that it lies there: symbolic links may not lead out
 * of the folder. Those of the Hugging Face cache lead from `snapshots/<commit>` to `blobs` of the same model.
 *
 * @throws Error when there is no such file, or it lies elsewhere
 */
export function insideFolder(folder: string, name: string): string {
  const path = join(folder, name);
  const real = realpathSync(path);
  const home = realpathSync(folder);
  const homes = [home];
  if (dirname(home).endsWith(`${sep}snapshots`)) homes.push(join(dirname(dirname(home)), "blobs"));
  if (homes.some((one) => real.startsWith(one + sep))) return path;
  throw new InputError(
    `Cannot use ${path}: it is a link to ${real}, expected a file of the folder itself; ` +
      "copy it there, or name the folder in which it lies",
  );
}
