import type { RepoFile } from "./repo_files.ts";

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
export function modelFiles(files: readonly RepoFile[]): RepoFile[] {
  const kind = WEIGHTS.find((pattern) => files.some(({ path }) => pattern.test(path)));
  return files.filter(({ path }) => SMALL.has(path) || kind?.test(path));
}

/**
 * The files that Transformers.js runs a classifier from: its folder and `onnx/model.onnx`; where a repository
 * has none, those that one can be made from.
 */
export function onnxFiles(files: readonly RepoFile[]): RepoFile[] {
  if (!files.some(({ path }) => path === "onnx/model.onnx")) return modelFiles(files);
  return files.filter(({ path }) => SMALL.has(path) || /^onnx\/model\.onnx(_data)?$/.test(path));
}
