import { createHash, type Hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { dataLoss, StatusError } from "@decorum/rpc";
import { castTensor, InputError, type Tensor, tensorFromBytes } from "@decorum/tensor";
import type { PushedTensor } from "./manifest.ts";

/** Largest piece of an upload, in bytes. */
export const MAX_CHUNK_BYTES = 2 ** 20;

/** One piece of an upload. */
export interface Chunk {
  readonly offset: number;
  readonly data: Uint8Array;
  /** CRC-32 of `data`. */
  readonly crc32: number;
}

/** The bytes of one push while they come. They are hashed as they come, so that the commit has little to do. */
export class Upload {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #whole: Hash = createHash("sha256");
  readonly #digests: Uint8Array[] = [];
  #tensorHash: Hash = createHash("sha256");
  #received = 0;

  /** @param tensors in the order of their bytes, without gaps */
  constructor(readonly tensors: readonly PushedTensor[]) {
    const last = tensors.at(-1);
    this.#bytes = new Uint8Array(last ? last.offset + last.length : 0);
  }

  get received(): number {
    return this.#received;
  }

  /**
   * Takes the next piece; a piece that is refused changes nothing.
   *
   * @throws StatusError DATA_LOSS when the checksum does not agree, OUT_OF_RANGE when the piece is not the
   * next one or goes beyond the end; InputError when it is too large
   */
  write({ offset, data, crc32: expected }: Chunk): void {
    const what = `Cannot take ${data.length} bytes at offset ${offset} of an upload`;
    if (data.length > MAX_CHUNK_BYTES) {
      throw new InputError(`${what}: a chunk has at most ${MAX_CHUNK_BYTES} bytes`);
    }
    if (offset !== this.#received) {
      throw new StatusError(
        "OUT_OF_RANGE",
        `${what}: ${this.#received} bytes were received, the next chunk begins there`,
      );
    }
    if (offset + data.length > this.#bytes.length) {
      throw new StatusError(
        "OUT_OF_RANGE",
        `${what}: the manifest has ${this.#bytes.length} bytes in all`,
      );
    }
    const found = crc32(data);
    if (found !== expected) {
      throw dataLoss(
        `${what}: its CRC-32 is ${hex(found)}, expected ${hex(expected)}; send it again`,
      );
    }
    this.#bytes.set(data, offset);
    this.#received += data.length;
    this.#whole.update(data);
    this.#hashTensors(data, offset);
  }

  /**
   * Checks the bytes and ends the upload.
   *
   * @returns the tensors in float32, and the SHA-256 over all bytes
   * @throws StatusError DATA_LOSS when a tensor's sha256 does not agree; InputError naming a tensor with
   * values that are not finite
   */
  finish(): { tensors: Map<string, Tensor<"float32">>; sha256: Uint8Array } {
    const tensors = new Map<string, Tensor<"float32">>();
    for (const [i, { name, dtype, dims, offset, length, sha256 }] of this.tensors.entries()) {
      const found = this.#digests[i];
      if (found === undefined || !equal(found, sha256)) {
        throw dataLoss(
          `Cannot commit a push: the sha256 of tensor "${name}" is ${
            found ? toHex(found) : "unknown"
          }, expected ${toHex(sha256)}; push it again`,
        );
      }
      const bytes = this.#bytes.slice(offset, offset + length);
      const value = castTensor(tensorFromBytes(dtype, dims, bytes), "float32");
      checkFinite(name, value.data);
      tensors.set(name, value);
    }
    return { tensors, sha256: this.#whole.digest() };
  }

  /** @throws StatusError DATA_LOSS while bytes are missing; more may be uploaded */
  checkComplete(): void {
    if (this.#received === this.#bytes.length) return;
    throw dataLoss(
      `Cannot commit a push: ${this.#received} of ${this.#bytes.length} bytes were received; upload the rest`,
    );
  }

  /** Adds a piece to the hashes of the tensors it belongs to. */
  #hashTensors(data: Uint8Array, offset: number): void {
    let at = offset;
    const end = offset + data.length;
    while (this.#digests.length < this.tensors.length) {
      const { offset: begin, length } = this.tensors[this.#digests.length]!;
      const until = Math.min(end, begin + length);
      this.#tensorHash.update(data.subarray(at - offset, until - offset));
      at = until;
      if (at < begin + length) return;
      this.#digests.push(this.#tensorHash.digest());
      this.#tensorHash = createHash("sha256");
    }
  }
}

function checkFinite(name: string, values: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    throw new InputError(
      `Cannot commit a push: element ${i} of tensor "${name}" is ${
        values[i]
      }; expected finite values`,
    );
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

const toHex = (bytes: Uint8Array) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const hex = (value: number) => `0x${value.toString(16).padStart(8, "0")}`;
