import {
  convertTorchCheckpoint,
  type DType,
  InputError,
  SafetensorsFile,
  type Tensor,
  type TensorEntry,
} from "@decorum/tensor";
import { existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { readJson } from "./config.ts";
import { insideFolder } from "./inside_folder.ts";
import { nearestKeys } from "./nearest_keys.ts";

/** Where a weight lies: type, shape, and the bytes of a safetensors file (for external data). */
export interface TensorInfo extends TensorEntry {
  /** Absolute path. */
  readonly file: string;
}

/** The weights of a Hugging Face model folder, under the checkpoint's own keys. */
export interface Checkpoint extends Disposable {
  /** Absolute path of the folder. */
  readonly folder: string;
  keys(): string[];
  has(key: string): boolean;
  /** @throws InputError for an unknown key, naming the nearest ones. */
  info(key: string): TensorInfo;
  /**
   * `info(key)`, once it has been checked against what a model needs.
   *
   * @param dtypes accepted element types; any when absent.
   * @throws InputError for an unknown key; InputError for another shape or type.
   */
  expect(key: string, dims: readonly number[], dtypes?: readonly DType[]): TensorInfo;
  /** Reads one weight into host memory. @throws InputError for an unknown key. */
  read(key: string): Tensor;
  /** Closes the files; `read` fails from then on. Also called by `using`. */
  close(): void;
}

/**
 * Opens the weights of a model folder: `model.safetensors`, else `model.safetensors.index.json` with
 * its shards, else `pytorch_model.bin`, else `pytorch_model.bin.index.json` with its shards. Headers
 * are checked now; weights are read when asked for. A `.bin` is written to `cacheDir` as safetensors
 * the first time it is seen.
 *
 * @param options.cacheDir default: `decorum/checkpoints` in `$XDG_CACHE_HOME` or `~/.cache`.
 * @throws Error when the folder, the weights or a shard are missing, or are links out of the folder;
 * InputError for malformed files.
 */
export function openCheckpoint(folder: string, options: { cacheDir?: string } = {}): Checkpoint {
  const absolute = resolve(folder);
  if (!statSync(absolute, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InputError(`Cannot open checkpoint ${absolute}: there is no such folder`);
  }
  const cacheDir = options.cacheDir ?? defaultCacheDir();
  for (const [name, toSafetensors] of weightFiles(cacheDir)) {
    const path = join(absolute, name);
    if (!existsSync(path)) continue;
    const shards = new Shards(absolute, toSafetensors);
    try {
      return name.endsWith(".index.json") ? fromIndex(path, shards) : fromSingle(name, shards);
    } catch (error) {
      shards.close();
      throw error;
    }
  }
  const names = weightFiles(cacheDir).map(([name]) => name).join(", ");
  throw new InputError(
    `Cannot open checkpoint ${absolute}: the folder has no weights file; looked for ${names}`,
  );
}

/** `decorum/checkpoints` in `$XDG_CACHE_HOME` or `~/.cache`. */
export function defaultCacheDir(): string {
  const base = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return join(base, "decorum", "checkpoints");
}

type ToSafetensors = (path: string) => string;

/** The weights files looked for, in order, each with the way to its safetensors form. */
function weightFiles(cacheDir: string): [name: string, toSafetensors: ToSafetensors][] {
  const asItIs: ToSafetensors = (path) => path;
  const converted: ToSafetensors = (path) => convertTorchCheckpoint(path, cacheDir);
  return [
    ["model.safetensors", asItIs],
    ["model.safetensors.index.json", asItIs],
    ["pytorch_model.bin", converted],
    ["pytorch_model.bin.index.json", converted],
  ];
}

/** The opened files of one checkpoint by their names in its folder. */
class Shards {
  readonly #files = new Map<string, SafetensorsFile>();

  constructor(readonly folder: string, readonly toSafetensors: ToSafetensors) {}

  open(name: string): SafetensorsFile {
    let file = this.#files.get(name);
    if (file === undefined) {
      file = new SafetensorsFile(this.toSafetensors(insideFolder(this.folder, name)));
      this.#files.set(name, file);
    }
    return file;
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
  }
}

function fromSingle(name: string, shards: Shards): Checkpoint {
  const file = shards.open(name);
  return new OpenCheckpoint(shards, new Map([...file.tensors.keys()].map((key) => [key, file])));
}

function fromIndex(index: string, shards: Shards): Checkpoint {
  const map = readJson(index)["weight_map"];
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    throw new InputError(
      `Cannot use index ${index}: its field "weight_map" is ${JSON.stringify(map)}, ` +
        "expected an object of file names by tensor name",
    );
  }
  const files = new Map<string, SafetensorsFile>();
  for (const [key, name] of Object.entries(map)) {
    files.set(key, openShard(index, key, name, shards));
  }
  return new OpenCheckpoint(shards, files);
}

function openShard(index: string, key: string, name: unknown, shards: Shards): SafetensorsFile {
  const entry = `Cannot use index ${index}: tensor ${JSON.stringify(key)}`;
  if (typeof name !== "string" || !/^[^/\\]+$/.test(name) || name === "..") {
    throw new InputError(
      `${entry} is in ${JSON.stringify(name)}, expected the name of a file beside the index`,
    );
  }
  if (!existsSync(join(shards.folder, name))) {
    throw new InputError(
      `${entry} is in ${name}, but ${shards.folder} has no such file; fetch the missing shard`,
    );
  }
  const shard = shards.open(name);
  if (!shard.tensors.has(key)) {
    throw new InputError(
      `${entry} should be in ${name}, but that file does not hold it; ` +
        "index and shards are of different versions, fetch both again",
    );
  }
  return shard;
}

class OpenCheckpoint implements Checkpoint {
  readonly folder: string;
  readonly #shards: Shards;
  readonly #files: ReadonlyMap<string, SafetensorsFile>;

  constructor(shards: Shards, files: ReadonlyMap<string, SafetensorsFile>) {
    this.folder = shards.folder;
    this.#shards = shards;
    this.#files = files;
  }

  keys(): string[] {
    return [...this.#files.keys()];
  }

  has(key: string): boolean {
    return this.#files.has(key);
  }

  info(key: string): TensorInfo {
    const file = this.#file(key);
    return { ...file.tensors.get(key)!, file: resolve(file.path) };
  }

  expect(key: string, dims: readonly number[], dtypes?: readonly DType[]): TensorInfo {
    const info = this.info(key);
    const tensor = `Cannot use tensor ${JSON.stringify(key)} of ${info.file}:`;
    if (info.dims.length !== dims.length || info.dims.some((size, i) => size !== dims[i])) {
      throw new InputError(
        `${tensor} its shape is [${info.dims.join(", ")}], expected [${dims.join(", ")}]; ` +
          "do the weights belong to this config.json?",
      );
    }
    if (dtypes !== undefined && !dtypes.includes(info.dtype)) {
      throw new InputError(`${tensor} its type is ${info.dtype}, expected ${dtypes.join(" or ")}`);
    }
    return info;
  }

  read(key: string): Tensor {
    return this.#file(key).read(key);
  }

  close(): void {
    this.#shards.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #file(key: string): SafetensorsFile {
    const file = this.#files.get(key);
    if (file === undefined) {
      const near = nearestKeys(key, this.#files.keys()).map((k) => JSON.stringify(k)).join(", ");
      throw new InputError(
        `Cannot find tensor ${JSON.stringify(key)} in checkpoint ${this.folder} of ` +
          `${this.#files.size} tensors; nearest: ${near || "none"}`,
      );
    }
    return file;
  }
}
