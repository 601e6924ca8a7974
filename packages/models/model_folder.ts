import { randomUUID } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Tensor, writeSafetensors } from "@decorum/tensor";

/** Files of a model folder that are copied beside new weights: tokenizer, generation settings. */
const companions =
  /^(tokenizer.*\.json|special_tokens_map\.json|added_tokens\.json|generation_config\.json|vocab\.(json|txt)|merges\.txt|.*\.model)$/;

/** What a Hugging Face model folder is made of. */
export interface ModelFolder {
  /** `config.json`, written as it is. */
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
  const target = resolve(folder);
  checkReplaceable(target);
  const temporary = `${target}.${randomUUID()}.tmp`;
  mkdirSync(temporary, { recursive: true });
  try {
    if (model.companionsOf !== undefined) copyCompanions(model.companionsOf, temporary);
    writeFileSync(join(temporary, "config.json"), JSON.stringify(model.config, null, 2) + "\n");
    writeSafetensors(join(temporary, "model.safetensors"), model.tensors, { format: "pt" });
    replaceFolder(temporary, target);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
}

function checkReplaceable(target: string): void {
  if (!existsSync(target)) {
    mkdirSync(dirname(target), { recursive: true });
    return;
  }
  const names = readdirSync(target);
  if (names.length === 0 || names.includes("config.json")) return;
  throw new Error(
    `Cannot write a model to ${target}: the folder holds ${names.length} other files (first: "${
      names.sort()[0]
    }") and no config.json; name an empty folder or a model's`,
  );
}

function copyCompanions(from: string, to: string): void {
  for (const name of readdirSync(from)) {
    if (companions.test(name)) cpSync(join(from, name), join(to, name), { dereference: true });
  }
}

/** Renames `from` to `to`; what was there is moved aside first and removed last. */
function replaceFolder(from: string, to: string): void {
  if (!existsSync(to)) return renameSync(from, to);
  const old = `${to}.${randomUUID()}.old`;
  renameSync(to, old);
  try {
    renameSync(from, to);
  } catch (error) {
    renameSync(old, to);
    throw error;
  }
  rmSync(old, { recursive: true });
}
