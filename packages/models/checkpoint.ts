import {
  convertTorchCheckpoint,
  type DType,
  InputError,
  readJson,
  SafetensorsFile,
  type Tensor,
  type TensorEntry,
} from "@decorum/tensor";
import { Buffer } from "node:buffer";
import { existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { insideFolder } from "./model_folder.ts";
import type { WeightIndex } from "./weights.ts";

/** Where a weight lies: type, shape, and the bytes of a safetensors file (for external data). */
export interface TensorInfo extends TensorEntry {
  /** Absolute path. */
  readonly file: string;
}

/**
 * The weights of a Hugging Face model folder, under the checkpoint's own keys. As in transformers
 * (`modeling_utils.py`), `LayerNorm.gamma` and `beta` are `LayerNorm.weight` and `bias`, and a model without its head
 * may lack the first part of its keys: `embeddings..` for `bert.embeddings..`.
 */
export interface Checkpoint extends Disposable {
  /** Absolute path of the folder. */
  readonly folder: string;
  /** Absolute paths of the files that hold the weights. */
  readonly files: readonly string[];
  /** The keys as the files have them, but for those whose element type cannot be read. */
  keys(): string[];
  has(key: string): boolean;
  /** The key under which the files have a weight. @throws as {@link info} */
  nameOf(key: string): string;
  /** @throws InputError for an unknown key, naming the nearest ones, and for a type that cannot be read. */
  info(key: string): TensorInfo;
  /**
   * `info(key)`, once it has been checked against what a model needs: shape, type, and that all numbers are finite.
   *
   * @param dtypes accepted element types; any when absent.
   * @throws InputError for an unknown key, another shape or type, and for NaN or infinity.
   */
  expect(key: string, dims: readonly number[], dtypes?: readonly DType[]): TensorInfo;
  /** Reads one weight into host memory. @throws InputError for an unknown key, and for NaN or infinity. */
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
  return new OpenCheckpoint(shards, new Map(file.names().map((key) => [key, file])));
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
  if (!shard.tensors.has(key) && !shard.unreadable.has(key)) {
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
  /** First parts of the keys. */
  readonly #prefixes: ReadonlySet<string>;
  /** Keys whose numbers are known to be finite. */
  readonly #finite = new Set<string>();

  constructor(shards: Shards, files: ReadonlyMap<string, SafetensorsFile>) {
    this.folder = shards.folder;
    this.#shards = shards;
    this.#files = files;
    this.#prefixes = new Set([...files.keys()].map(firstPart));
  }

  get files(): string[] {
    return [...new Set([...this.#files.values()].map((file) => resolve(file.path)))];
  }

  keys(): string[] {
    return [...this.#files].filter(([key, file]) => file.tensors.has(key)).map(([key]) => key);
  }

  has(key: string): boolean {
    return this.#stored(key) !== undefined;
  }

  nameOf(key: string): string {
    return this.#find(key).name;
  }

  info(key: string): TensorInfo {
    const { file, name } = this.#find(key);
    return { ...file.entry(name), file: resolve(file.path) };
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
    this.#checkFinite(key);
    return info;
  }

  read(key: string): Tensor {
    const { file, name } = this.#find(key);
    this.#checkFinite(key);
    return file.read(name);
  }

  close(): void {
    this.#shards.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #checkFinite(key: string): void {
    const { file, name } = this.#find(key);
    if (this.#finite.has(name)) return;
    const at = file.firstNonFinite(name);
    if (at !== undefined) throw notFinite(name, file.path, at);
    this.#finite.add(name);
  }

  /** The name under which the files have a weight; undefined where they have none. */
  #stored(key: string): string | undefined {
    return namesOf(key).find((name) => this.#files.has(name)) ??
      (this.#prefixes.has(firstPart(key))
        ? undefined
        : namesOf(key.slice(firstPart(key).length + 1)).find((name) => this.#files.has(name)));
  }

  #find(key: string): { readonly file: SafetensorsFile; readonly name: string } {
    const name = this.#stored(key);
    if (name !== undefined) return { file: this.#files.get(name)!, name };
    const missing = `Cannot find tensor ${JSON.stringify(key)} in checkpoint ${this.folder} of ` +
      `${this.#files.size} tensors`;
    const prefixed = [...this.#files.keys()].find((stored) => stored.endsWith(`.${key}`));
    if (prefixed !== undefined) {
      const prefix = prefixed.slice(0, -key.length);
      throw new InputError(
        `${missing}: it has ${JSON.stringify(prefixed)}. transformers does not read such keys ` +
          `either; save the model without the prefix ${JSON.stringify(prefix)}, in Python ` +
          `{key.removeprefix(${JSON.stringify(prefix)}): value for key, value in tensors.items()}`,
      );
    }
    const near = nearestKeys(key, this.#files.keys()).map((k) => JSON.stringify(k)).join(", ");
    throw new InputError(`${missing}; nearest: ${near || "none"}`);
  }
}

/**
 * A checkpoint as training sees it: equal copies of one weight are that weight, others are weights of their own, as in
 * transformers 5 (`tie_weights`).
 *
 * @param tiedKeys keys of one weight
 */
export function withoutCopies(checkpoint: Checkpoint, tiedKeys: readonly string[]): WeightIndex {
  const [first, ...others] = tiedKeys.filter((key) => checkpoint.has(key));
  const value = first === undefined || others.length === 0 ? undefined : checkpoint.read(first);
  const copies = new Set(others.filter((key) => isEqual(checkpoint.read(key), value!)));
  return {
    has: (key) => checkpoint.has(key) && !copies.has(key),
    expect: (key, dims, dtypes) => checkpoint.expect(key, dims, dtypes),
  };
}

function isEqual(a: Tensor, b: Tensor): boolean {
  const bytes = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return a.dtype === b.dtype && `${a.dims}` === `${b.dims}` && bytes(a).equals(bytes(b));
}

/** @param at the place of the number in the tensor */
export function notFinite(name: string, file: string, at: number): InputError {
  return new InputError(
    `Cannot use tensor ${JSON.stringify(name)} of ${file}: its element ${at} is NaN or infinite; ` +
      "expected finite numbers. Training may have diverged: take an earlier checkpoint",
  );
}

const firstPart = (key: string) => key.split(".", 1)[0]!;

/** A key, and what old checkpoints call it. */
function namesOf(key: string): string[] {
  const old = key.replace(/\bLayerNorm\.weight$/, "LayerNorm.gamma")
    .replace(/\bLayerNorm\.bias$/, "LayerNorm.beta");
  return old === key ? [key] : [key, old];
}

/** The keys nearest to `wanted` by edit distance, nearest first, at most `count`. */
export function nearestKeys(wanted: string, keys: Iterable<string>, count = 3): string[] {
  const ranked = [...keys].map((key) => ({ key, distance: editDistance(wanted, key) }));
  ranked.sort((a, b) => a.distance - b.distance);
  return ranked.slice(0, count).map(({ key }) => key);
}

/** Levenshtein distance: insertions, deletions and substitutions that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
