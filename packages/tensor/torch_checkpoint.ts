import { createHash } from "node:crypto";
import { existsSync, mkdirSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { lfsHint, ReadableFile } from "./file.ts";
import { replaceFile } from "./replace.ts";
import { readSafetensorsHeader, tensorFromBytes } from "./safetensors.ts";
import { type PendingTensor, safetensorsChunks } from "./safetensors_write.ts";
import { bytesPerElement, type DType, elementCount, InputError, type Tensor } from "./tensor.ts";
import {
  gather,
  isContiguous,
  lastElement,
  storageTypes,
  type TorchTensor,
  unpickleTensors,
} from "./torch_pickle.ts";
import { readZipDirectory, zipDataOffset, type ZipEntry } from "./zip.ts";

/** One tensor of a PyTorch checkpoint file. */
interface TorchEntry {
  readonly dtype: DType;
  readonly dims: readonly number[];
  /** Elements from one index of each dimension to the next. */
  readonly strides: readonly number[];
  /** Where its first element lies, in bytes from the start of the file. */
  readonly offset: number;
  /** Bytes of its elements, each counted once: of what `read` returns. */
  readonly length: number;
}

/** Most bytes of `data.pkl`: 16 MiB, some 150,000 tensors. */
const maxPickleBytes = 2 ** 24;

/**
 * Tensors that share or repeat stored elements take more room once they are apart. Tied embeddings
 * make a factor of 2 or 3; a file made to fill the disk would make thousands.
 */
const maxExpansion = 8;

/**
 * A checkpoint that `torch.save` wrote from a state dict in its zip format (PyTorch 1.6 and later),
 * such as `pytorch_model.bin`. The pickle in it builds tensors only and executes nothing.
 * Tensors are read one at a time. Close it with `close()` or `using`.
 */
export class TorchCheckpoint implements Disposable {
  readonly tensors: ReadonlyMap<string, TorchEntry>;
  /** Tensors of other element types: torch's name of the storage by the tensor's. */
  readonly unreadable: ReadonlyMap<string, string>;
  readonly #file: ReadableFile;

  /** @throws InputError for a malformed or foreign file; InputError for a tensor outside its storage. */
  constructor(file: ReadableFile) {
    this.#file = file;
    checkFormat(file);
    const { entries, unreadable } = readEntries(file);
    this.tensors = entries;
    this.unreadable = unreadable;
  }

  /** @throws as the constructor, and Error when the file cannot be opened. */
  static open(path: string): TorchCheckpoint {
    const file = ReadableFile.open(path);
    try {
      return new TorchCheckpoint(file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** The tensor in row-major order. @throws InputError when there is none of that name, or of another element type. */
  read(name: string): Tensor {
    const entry = this.tensors.get(name);
    if (entry === undefined) {
      const type = this.unreadable.get(name);
      throw new InputError(
        `Cannot read tensor ${JSON.stringify(name)} of ${this.#file.path}: ` +
          (type === undefined
            ? "the file has no such tensor"
            : `it is a ${type}; expected one of ${[...storageTypes.keys()].join(", ")}`),
      );
    }
    const { dtype, dims, strides, offset, length } = entry;
    const what = `tensor ${JSON.stringify(name)}`;
    if (length === 0 || isContiguous(dims, strides)) {
      return tensorFromBytes(dtype, dims, this.#file.read(offset, length, what));
    }
    const width = bytesPerElement(dtype);
    const span = this.#file.read(offset, (lastElement(dims, strides) + 1) * width, what);
    return tensorFromBytes(dtype, dims, gather(span, width, dims, strides));
  }

  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function checkFormat(file: ReadableFile): void {
  const start = file.read(0, Math.min(file.size, 8), "first bytes");
  if (start[0] === 0x50 && start[1] === 0x4b) return;
  // The old format is a row of pickles, and a pickle begins with 0x80.
  const found = start[0] === 0x80
    ? "it is in the format of PyTorch before 1.6, expected a zip file; convert it with Python: " +
      'torch.save(torch.load(path, weights_only=True, map_location="cpu"), path)'
    : `it begins with bytes [${start.join(", ")}], expected a zip file (80, 75)${lfsHint(start)}`;
  throw new InputError(`Cannot read PyTorch checkpoint ${file.path}: ${found}`);
}

function readEntries(
  file: ReadableFile,
): { entries: Map<string, TorchEntry>; unreadable: Map<string, string> } {
  const fail = (found: string): never => {
    throw new InputError(`Cannot read PyTorch checkpoint ${file.path}: ${found}`);
  };
  const members = readZipDirectory(file);
  const pickleName = [...members.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name)) ??
    fail("the archive has no member <name>/data.pkl");
  const root = pickleName.slice(0, -"data.pkl".length);
  const content = (entry: ZipEntry, most: number) => {
    if (entry.size > most) fail(`${entry.name} has ${entry.size} bytes, expected at most ${most}`);
    return file.read(zipDataOffset(file, entry), entry.size, entry.name);
  };
  const order = members.get(`${root}byteorder`);
  if (order !== undefined) {
    const text = new TextDecoder().decode(content(order, 16));
    if (text !== "little") {
      fail(
        `its byte order is ${JSON.stringify(text)}, expected "little"; save it on such a machine`,
      );
    }
  }
  const pickle = content(members.get(pickleName)!, maxPickleBytes);
  const entries = new Map<string, TorchEntry>();
  const unreadable = new Map<string, string>();
  let total = 0;
  for (const [name, tensor] of unpickleTensors(pickle, `${pickleName} of ${file.path}`)) {
    const { dtype } = tensor.storage;
    if (dtype === undefined) {
      unreadable.set(name, tensor.storage.type);
      continue;
    }
    const member = members.get(`${root}data/${tensor.storage.key}`) ??
      fail(`tensor ${JSON.stringify(name)} needs the missing member data/${tensor.storage.key}`);
    const entry = locate(file, name, dtype, tensor, member);
    entries.set(name, entry);
    total += entry.length;
    if (total > maxExpansion * file.size) {
      fail(
        `with tensor ${JSON.stringify(name)} its tensors take ${total} bytes, more than ` +
          `${maxExpansion} times the ${file.size} bytes of the file, because they share elements`,
      );
    }
  }
  return { entries, unreadable };
}

function locate(
  file: ReadableFile,
  name: string,
  dtype: DType,
  { storage, offset, dims, strides }: TorchTensor,
  member: ZipEntry,
): TorchEntry {
  const tensor = `Cannot read tensor ${JSON.stringify(name)} of ${file.path}:`;
  const width = bytesPerElement(dtype);
  if (member.size !== storage.elements * width) {
    throw new InputError(
      `${tensor} its storage ${member.name} has ${member.size} bytes, expected ${
        storage.elements * width
      } for ${storage.elements} elements of ${dtype}`,
    );
  }
  const elements = elementCount(dims);
  if (!Number.isSafeInteger(elements)) {
    throw new InputError(`${tensor} its shape [${dims}] has more than 2^53 elements`);
  }
  const end = elements === 0 ? offset : offset + lastElement(dims, strides) + 1;
  if (!(end <= storage.elements)) {
    throw new InputError(
      `${tensor} with shape [${dims}], strides [${strides}] and offset ${offset} it ends at element ` +
        `${end}, but its storage ${member.name} has ${storage.elements}`,
    );
  }
  return {
    dtype,
    dims,
    strides,
    offset: zipDataOffset(file, member) + offset * width,
    length: elements * width,
  };
}

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

/** A cached file that was damaged since is written again. */
function isIntact(path: string): boolean {
  if (!existsSync(path)) return false;
  try {
    readSafetensorsHeader(path);
    return true;
  } catch {
    return false;
  }
}
