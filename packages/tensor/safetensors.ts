import {
  arrayOf,
  bytesPerElement,
  type DType,
  type DTypeArrays,
  InputError,
  type Tensor,
  tensor,
} from "./tensor.ts";
import { lfsHint, ReadableFile } from "./file.ts";
import {
  maxHeaderBytes,
  parseSafetensorsHeader,
  type SafetensorsHeader,
  type TensorEntry,
} from "./safetensors_header.ts";

/**
 * A safetensors file, open for reading single tensors; its header is checked on opening.
 * Close it with `close()` or `using`.
 */
export class SafetensorsFile implements Disposable, SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly #file: ReadableFile;

  /** @throws InputError for a malformed header; Error when the file cannot be read. */
  constructor(readonly path: string) {
    this.#file = ReadableFile.open(path);
    try {
      const { metadata, tensors } = readHeader(
        (offset, length, what) => this.#file.read(offset, length, what),
        this.#file.size,
        path,
      );
      this.metadata = metadata;
      this.tensors = tensors;
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /** @throws InputError when the file has no tensor of that name, or has been cut since. */
  read(name: string): Tensor {
    const entry = this.tensors.get(name);
    if (entry === undefined) {
      throw new InputError(
        `Cannot read tensor ${JSON.stringify(name)} of ${this.path}: the file has no such tensor`,
      );
    }
    return tensorFromBytes(
      entry.dtype,
      entry.dims,
      this.#file.read(entry.offset, entry.length, `tensor ${JSON.stringify(name)}`),
    );
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
  return { metadata: file.metadata, tensors: file.tensors };
}

/** All tensors of a safetensors file, by name. Throws as `SafetensorsFile` does. */
export function readSafetensors(path: string): Map<string, Tensor> {
  using file = new SafetensorsFile(path);
  return new Map([...file.tensors.keys()].map((name) => [name, file.read(name)]));
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
  const { tensors } = readHeader(slice, bytes.length, source);
  const decoded = new Map<string, Tensor>();
  for (const [name, { dtype, dims, offset, length }] of tensors) {
    decoded.set(name, tensorFromBytes(dtype, dims, slice(offset, length)));
  }
  return decoded;
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
