import { createHash, type Hash } from "node:crypto";
import { type ByteChunk, ByteReader, dataLoss } from "@decorum/rpc";
import { castTensor, InputError, type Tensor, tensorFromBytes } from "@decorum/tensor";
import type { PushedTensor } from "./manifest.ts";

/** The bytes of one push while they come. They are hashed as they come, so that the commit has little to do. */
export class Upload {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #whole: Hash = createHash("sha256");
  readonly #digests: Uint8Array[] = [];
  #tensorHash: Hash = createHash("sha256");
  readonly #reader: ByteReader;

  /** @param tensors in the order of their bytes, without gaps */
  constructor(readonly tensors: readonly PushedTensor[]) {
    const last = tensors.at(-1);
    this.#bytes = new Uint8Array(last ? last.offset + last.length : 0);
    this.#reader = new ByteReader("an upload", [this.#bytes]);
  }

  get received(): number {
    return this.#reader.received;
  }

  /** Takes the next piece. @throws as `ByteReader.write` */
  write(chunk: ByteChunk): void {
    this.#reader.write(chunk);
    this.#whole.update(chunk.data);
    this.#hashTensors(chunk.data, this.received - chunk.data.length);
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
    this.#reader.checkComplete();
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
