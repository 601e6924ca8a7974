import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import {
  arrayOf,
  bytesPerElement,
  type DType,
  elementCount,
  InputError,
  type Tensor,
  tensor,
} from "@decorum/tensor";
import { dataLoss, StatusError } from "./errors.ts";
import type { TensorSpec, TensorSpec__Output } from "./gen/decorum/learner/v1/TensorSpec.ts";

/** Largest piece of a stream of bytes. */
export const MAX_CHUNK_BYTES: number = 2 ** 20;

/** A piece of a stream of bytes. */
export interface ByteChunk {
  readonly offset: number;
  readonly data: Uint8Array;
  /** CRC-32 of `data`. */
  readonly crc32: number;
}

type Tensors = Iterable<readonly [string, Tensor]>;

/** What the tensors of a stream are, in the order of their bytes. */
export function tensorSpecs(tensors: Tensors): TensorSpec[] {
  return [...tensors].map(([name, { dtype, dims }]) => ({
    name,
    dtype: `TENSOR_DTYPE_${dtype.toUpperCase() as Uppercase<DType>}`,
    dims: [...dims],
  }));
}

/** The bytes of tensors in pieces, each with its checksum. */
export function tensorChunks(tensors: Tensors): Iterable<ByteChunk> {
  return byteChunks([...tensors].map(([, { data }]) => bytesOf(data)));
}

/** Bytes that follow each other, in pieces of `size`; the last may be smaller. */
export function* byteChunks(
  parts: readonly Uint8Array[],
  size: number = MAX_CHUNK_BYTES,
): Iterable<ByteChunk> {
  const total = parts.reduce((sum, { length }) => sum + length, 0);
  let [part, at] = [0, 0];
  for (let offset = 0; offset < total; offset += size) {
    const pieces: Uint8Array[] = [];
    for (let missing = Math.min(size, total - offset); missing > 0;) {
      const piece = parts[part]!.subarray(at, at + missing);
      pieces.push(piece);
      missing -= piece.length;
      at += piece.length;
      if (at === parts[part]!.length) [part, at] = [part + 1, 0];
    }
    const data = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    yield { offset, data, crc32: crc32(data) };
  }
}

/** Takes bytes that follow each other as they come in, each piece checked, and puts them into some buffers. */
export class ByteReader {
  #received = 0;
  #part = 0;
  #at = 0;

  /** @param what for messages, as "the feeds of a run" */
  constructor(readonly what: string, readonly parts: readonly Uint8Array[]) {}

  /** Bytes so far. */
  get received(): number {
    return this.#received;
  }

  /**
   * Takes the next piece; one that is refused changes nothing.
   *
   * @throws StatusError DATA_LOSS when its checksum does not agree, OUT_OF_RANGE when it is not the next one or goes
   * beyond the end; InputError when it is too large
   */
  write({ offset, data, crc32: expected }: ByteChunk): void {
    const what = `Cannot take ${data.length} bytes at offset ${offset} of ${this.what}`;
    const total = this.#total;
    if (data.length > MAX_CHUNK_BYTES) {
      throw new InputError(`${what}: a chunk has at most ${MAX_CHUNK_BYTES} bytes`);
    }
    if (offset !== this.#received || offset + data.length > total) {
      throw new StatusError(
        "OUT_OF_RANGE",
        `${what}: ${this.#received} of ${total} bytes were received, the next chunk begins there`,
      );
    }
    const found = crc32(data);
    if (found !== expected) {
      throw dataLoss(
        `${what}: its CRC-32 is ${hex(found)}, expected ${hex(expected)}; send it again`,
      );
    }
    this.#received += data.length;
    for (let taken = 0; taken < data.length;) {
      const part = this.parts[this.#part]!;
      const piece = data.subarray(taken, taken + part.length - this.#at);
      part.set(piece, this.#at);
      taken += piece.length;
      this.#at += piece.length;
      if (this.#at === part.length) [this.#part, this.#at] = [this.#part + 1, 0];
    }
  }

  /** @throws StatusError DATA_LOSS while bytes are missing */
  checkComplete(): void {
    if (this.#received === this.#total) return;
    throw dataLoss(
      `Cannot use ${this.what}: ${this.#received} of ${this.#total} bytes were received; send the rest`,
    );
  }

  get #total(): number {
    return this.parts.reduce((sum, { length }) => sum + length, 0);
  }
}

/** Tensors of a stream, while their bytes come in. */
export class TensorReader {
  readonly #tensors: ReadonlyMap<string, Tensor>;
  readonly #bytes: ByteReader;

  /**
   * @param what for messages, as "the feeds of a run"
   * @param maxBytes of all tensors
   * @throws InputError for a type or shape that is none, a name that comes twice, or more bytes than `maxBytes`
   */
  constructor(what: string, specs: readonly TensorSpec__Output[], maxBytes: number) {
    const total = specs.reduce((sum, spec) => sum + byteLength(what, spec), 0);
    if (!(total <= maxBytes)) {
      throw new InputError(`Cannot take ${what}: ${total} bytes, expected at most ${maxBytes}`);
    }
    const tensors = new Map<string, Tensor>();
    for (const spec of specs) {
      if (tensors.has(spec.name)) {
        throw new InputError(`Cannot take ${what}: tensor "${spec.name}" comes twice`);
      }
      const dtype = dtypeOf(what, spec);
      tensors.set(
        spec.name,
        tensor(dtype, spec.dims, new arrayOf[dtype](elementCount(spec.dims))),
      );
    }
    this.#tensors = tensors;
    // Empty ones have no bytes to wait for.
    const filled = [...tensors.values()].filter(({ data }) => data.byteLength > 0);
    this.#bytes = new ByteReader(what, filled.map(({ data }) => bytesOf(data)));
  }

  /** @throws as `ByteReader.write` */
  write(chunk: ByteChunk): void {
    this.#bytes.write(chunk);
  }

  /** @throws as `ByteReader.checkComplete` */
  finish(): ReadonlyMap<string, Tensor> {
    this.#bytes.checkComplete();
    return this.#tensors;
  }
}

const hex = (value: number) => `0x${value.toString(16).padStart(8, "0")}`;

function byteLength(what: string, spec: TensorSpec__Output): number {
  return elementCount(spec.dims) * bytesPerElement(dtypeOf(what, spec));
}

function dtypeOf(what: string, { name, dtype }: TensorSpec__Output): DType {
  const known = dtype.replace(/^TENSOR_DTYPE_/, "").toLowerCase();
  const found = (Object.keys(arrayOf) as DType[]).find((one) => one === known);
  if (found) return found;
  throw new InputError(`Cannot take ${what}: tensor "${name.slice(0, 200)}" is ${dtype}`);
}

function bytesOf({ buffer, byteOffset, byteLength }: Tensor["data"]): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
