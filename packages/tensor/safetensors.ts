import {
  arrayOf,
  bytesPerElement,
  type DType,
  type DTypeArrays,
  firstNonFinite,
  InputError,
  type Tensor,
  tensor,
} from "./tensor.ts";
import { lfsHint, ReadableFile } from "./file.ts";
import {
  maxHeaderBytes,
  parseSafetensorsHeader,
  type SafetensorsHeader,
  safetensorsTypes,
  type TensorEntry,
} from "./safetensors_header.ts";

/**
 * A safetensors file, open for reading single tensors; its header is checked on opening.
 * Close it with `close()` or `using`.
 */
export class SafetensorsFile implements Disposable, SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly unreadable: ReadonlyMap<string, string>;
  readonly #file: ReadableFile;

  /** @throws InputError for a malformed header; Error when the file cannot be read. */
  constructor(readonly path: string) {
    this.#file = ReadableFile.open(path);
    try {
      const { metadata, tensors, unreadable } = readHeader(
        (offset, length, what) => this.#file.read(offset, length, what),
        this.#file.size,
        path,
      );
      this.metadata = metadata;
      this.tensors = tensors;
      this.unreadable = unreadable;
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /** Every tensor's name, readable or not. */
  names(): string[] {
    return [...this.tensors.keys(), ...this.unreadable.keys()];
  }

  /** Where a tensor lies. @throws InputError when the file has none of that name, or of another element type. */
  entry(name: string): TensorEntry {
    const entry = this.tensors.get(name);
    if (entry === undefined) throw cannotRead(name, this.unreadable.get(name), this.path);
    return entry;
  }

  /** @throws InputError as {@link entry}, or when the file has been cut since. */
  read(name: string): Tensor {
    const { dtype, dims, offset, length } = this.entry(name);
    return tensorFromBytes(
      dtype,
      dims,
      this.#file.read(offset, length, `tensor ${JSON.stringify(name)}`),
    );
  }

  /**
   * The place of the first number of a tensor that is NaN or infinite; undefined where all are finite.
   *
   * @throws InputError as {@link read}
   */
  firstNonFinite(name: string): number | undefined {
    const { dtype, offset, length } = this.entry(name);
    const width = bytesPerElement(dtype);
    for (let at = 0; at < length; at += SCANNED_BYTES) {
      const bytes = Math.min(SCANNED_BYTES, length - at);
      const part = this.#file.read(offset + at, bytes, `tensor ${JSON.stringify(name)}`);
      const found = firstNonFinite(tensorFromBytes(dtype, [bytes / width], part));
      if (found !== undefined) return at / width + found;
    }
    return undefined;
  }

  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The header of a safetensors file; reads nothing else. Throws as `SafetensorsFile` does. */
export function readSafetensorsHeader(path: string): SafetensorsHeader {
  using file = new SafetensorsFile(path);
  return { metadata: file.metadata, tensors: file.tensors, unreadable: file.unreadable };
}

/** All tensors of a safetensors file, by name. Throws as `SafetensorsFile` does. */
export function readSafetensors(path: string): Map<string, Tensor> {
  using file = new SafetensorsFile(path);
  return new Map(file.names().map((name) => [name, file.read(name)]));
}

/** All tensors of a safetensors file held in memory. @param source the name that errors give. */
export function decodeSafetensors(
  bytes: Uint8Array,
  source = "(bytes in memory)",
): Map<string, Tensor> {
  const slice = (offset: number, length: number) =>
    Uint8Array.from(
      bytes.subarray(offset, offset + length),
    );
  const { tensors, unreadable } = readHeader(slice, bytes.length, source);
  for (const [name, type] of unreadable) throw cannotRead(name, type, source);
  const decoded = new Map<string, Tensor>();
  for (const [name, { dtype, dims, offset, length }] of tensors) {
    decoded.set(name, tensorFromBytes(dtype, dims, slice(offset, length)));
  }
  return decoded;
}

/** Bytes that are looked through at once. */
const SCANNED_BYTES = 2 ** 22;

function cannotRead(name: string, type: string | undefined, path: string): InputError {
  return new InputError(
    `Cannot read tensor ${JSON.stringify(name)} of ${path}: ${
      type === undefined
        ? "the file has no such tensor"
        : `its dtype is ${type}, which is not supported; expected one of ${
          Object.keys(safetensorsTypes).join(", ")
        }`
    }`,
  );
}

/** A tensor over bytes that begin their buffer, so that they are aligned for every type. */
export function tensorFromBytes(
  dtype: DType,
  dims: readonly number[],
  bytes: Uint8Array<ArrayBuffer>,
): Tensor {
  const count = bytes.length / bytesPerElement(dtype);
  const data = new arrayOf[dtype](bytes.buffer, bytes.byteOffset, count);
  return tensor(dtype, dims, data as DTypeArrays[DType]);
}

function readHeader(
  read: (offset: number, length: number, what: string) => Uint8Array,
  fileLength: number,
  file: string,
): SafetensorsHeader {
  const fail = (found: string): never => {
    throw new InputError(`Cannot read safetensors file ${file}: ${found}`);
  };
  if (fileLength < 8) {
    fail(`it has ${fileLength} bytes, expected at least the 8 of the header length`);
  }
  const start = read(0, 8, "header length");
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  if (length > maxHeaderBytes) {
    fail(`the header length is ${length}, expected at most ${maxHeaderBytes}${lfsHint(start)}`);
  }
  if (8 + Number(length) > fileLength) {
    fail(
      `the header length is ${length}, but only ${fileLength - 8} bytes follow it; ` +
        "the file is truncated, fetch it again",
    );
  }
  return parseSafetensorsHeader(read(8, Number(length), "header"), fileLength, file);
}
