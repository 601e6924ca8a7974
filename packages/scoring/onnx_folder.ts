import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { baseModelHash, defaultCacheDir, tokenizerHash } from "@decorum/models";
import { exportClassifierOnnx } from "./export_onnx.ts";

/**
 * A folder that {@link Judge} loads, for any classifier: the folder itself where it has `onnx/model.onnx`, else
 * an export of it, which is written to the cache the first time it is needed.
 *
 * @param folder an ONNX folder, or a Hugging Face folder of a BERT or RoBERTa sequence classifier
 * @param options.cacheDir default: `decorum/onnx` in `$XDG_CACHE_HOME` or `~/.cache`
 * @throws as `exportClassifierOnnx`
 */
export async function onnxFolder(
  folder: string,
  options: { readonly name?: string; readonly cacheDir?: string } = {},
): Promise<string> {
  const source = resolve(folder);
  const hasWeights = existsSync(source) && [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
  ].some((name) => existsSync(join(source, name)));
  if (existsSync(join(source, "onnx", "model.onnx")) || !hasWeights) return source;
  const cacheDir = options.cacheDir ?? join(dirname(defaultCacheDir()), "onnx");
  const hash = `${(await baseModelHash(source)).slice(0, 16)}-${tokenizerHash(source).slice(0, 8)}`;
  const out = join(
    cacheDir,
    hash,
    (options.name ?? basename(source)).replaceAll(/[^\w.@-]/g, "--"),
  );
  if (!existsSync(join(out, "onnx", "model.onnx"))) exportClassifierOnnx(source, out);
  return out;
}
