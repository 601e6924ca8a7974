import { InputError } from "@decorum/tensor";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { RepoFile } from "./repo_files.ts";
import { snapshot, type SnapshotOptions } from "./snapshot.ts";
import { formatFile, formatRepo, parseHubFile, parseModelRepo } from "./source.ts";

/** What a model folder is read for besides its weights; README and training leftovers are not. */
const SMALL = new Set([
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "vocab.txt",
  "merges.txt",
  "adapter_config.json",
]);

/** Weights, best first: the first kind that a repository has is the one that is downloaded. */
const WEIGHTS = [
  /^(model|adapter_model)\.safetensors$/,
  /^model(-\d+-of-\d+\.safetensors|\.safetensors\.index\.json)$/,
  /^(pytorch|adapter)_model\.bin$/,
  /^pytorch_model(-\d+-of-\d+\.bin|\.bin\.index\.json)$/,
];

/** The files of a repository that a T5, a classifier or an adapter is loaded from. */
function modelFiles(files: readonly RepoFile[]): RepoFile[] {
  const kind = WEIGHTS.find((pattern) => files.some(({ path }) => pattern.test(path)));
  return files.filter(({ path }) => SMALL.has(path) || kind?.test(path));
}

/**
 * The files that Transformers.js runs a classifier from: its folder and `onnx/model.onnx`; where a repository
 * has none, those that one can be made from.
 */
function onnxFiles(files: readonly RepoFile[]): RepoFile[] {
  if (!files.some(({ path }) => path === "onnx/model.onnx")) return modelFiles(files);
  return files.filter(({ path }) => SMALL.has(path) || /^onnx\/model\.onnx(_data)?$/.test(path));
}

/** Something that a setting names, on this machine. */
export interface Resolved {
  /** Absolute path of the folder or file. */
  readonly path: string;
  /** What names exactly this for ever: `owner/name@commit`; for a path of this machine, the setting itself. */
  readonly pinned: string;
}

/**
 * The folder of a model that a setting names: a folder of this machine, else a repository of the hub, which
 * is downloaded first.
 *
 * @param setting `models/mine`, `google/flan-t5-base`, `google/flan-t5-base@<revision>`
 * @param kind `onnx`: a folder that Transformers.js runs
 */
export async function resolveModel(
  setting: string,
  options: SnapshotOptions & { readonly kind?: "model" | "onnx" } = {},
): Promise<Resolved> {
  const repo = parseModelRepo(setting);
  if (repo === undefined) return { path: resolve(setting), pinned: setting };
  const wanted = options.kind === "onnx" ? onnxFiles : modelFiles;
  const { folder, commit } = await snapshot(repo, wanted, options).catch((error: Error) => {
    // What looks like a repository's name may be a path with a slip in it.
    if (!setting.startsWith("hf://")) {
      error.message += `; nor is there a folder ${resolve(setting)}`;
    }
    throw error;
  });
  const pinned = formatRepo({ ...repo, revision: commit });
  if (existsSync(join(folder, "config.json")) || existsSync(join(folder, "adapter_config.json"))) {
    return { path: folder, pinned };
  }
  throw new InputError(
    `Cannot use ${pinned} as a model: it has no config.json or adapter_config.json ` +
      `(${folder}); expected a Hugging Face model or a PEFT adapter`,
  );
}

/**
 * The file that a setting names: a path of this machine, or `hf://datasets/owner/name[@revision]/path`, which is
 * downloaded first.
 */
export async function resolveFile(
  setting: string,
  options: SnapshotOptions = {},
): Promise<Resolved> {
  const file = parseHubFile(setting);
  if (file === undefined) return { path: resolve(setting), pinned: setting };
  let names: string[] = [];
  const { folder, commit } = await snapshot(file.repo, (files) => {
    names = files.map(({ path }) => path);
    return files.filter(({ path }) => path === file.path);
  }, options);
  const path = join(folder, file.path);
  if (existsSync(path)) {
    const repo = { ...file.repo, revision: commit };
    return { path, pinned: formatFile({ repo, path: file.path }) };
  }
  const there = names.length === 0 ? "" : `; it has ${names.slice(0, 20).join(", ")}`;
  throw new InputError(`Cannot get ${setting}: there is no such file at commit ${commit}${there}`);
}
