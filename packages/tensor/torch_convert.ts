import { createHash } from "node:crypto";
import { existsSync, mkdirSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { ReadableFile, replaceFile } from "./file.ts";
import { readSafetensorsHeader } from "./safetensors.ts";
import { type PendingTensor, safetensorsChunks } from "./safetensors_write.ts";
import { TorchCheckpoint } from "./torch_checkpoint.ts";

/** Part of the cache key: raise it when the same checkpoint would be converted differently. */
const conversion = 1;

/**
 * The safetensors form of a PyTorch checkpoint file, so that its weights can be used where they lie.
 * It is written to `cacheDir` the first time; later calls find it by the file's path, size and time
 * of change. Concurrent calls, in other processes too, each get a whole file. One tensor at a time
 * is held in memory.
 *
 * @returns the path of the safetensors file.
 * @throws as `TorchCheckpoint`; Error when `cacheDir` cannot be written.
 */
export function convertTorchCheckpoint(path: string, cacheDir: string): string {
  using file = ReadableFile.open(path);
  const identity = [conversion, realpathSync(path), file.size, String(file.modified)];
  const digest = createHash("sha256").update(JSON.stringify(identity)).digest("hex");
  const target = join(cacheDir, `${basename(path, ".bin")}-${digest.slice(0, 32)}.safetensors`);
  if (isIntact(target)) return target;
  const checkpoint = new TorchCheckpoint(file);
  const pending = new Map<string, PendingTensor>();
  for (const [name, { dtype, dims, length }] of checkpoint.tensors) {
    const bytes = () => new Uint8Array(checkpoint.read(name).data.buffer);
    pending.set(name, { dtype, dims, length, bytes });
  }
  mkdirSync(cacheDir, { recursive: true });
  replaceFile(target, safetensorsChunks(pending, { format: "pt" }));
  return target;
}

/** A cached file that was damaged since is made anew. */
function isIntact(path: string): boolean {
  if (!existsSync(path)) return false;
  try {
    readSafetensorsHeader(path);
    return true;
  } catch {
    return false;
  }
}
