import { InputError } from "./tensor.ts";
/** Reads the operands of a pickle's operations in order. */
export class PickleCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #opcodeAt = 0;

  constructor(bytes: Uint8Array, readonly what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** @throws InputError naming the pickle and the operation's position. */
  fail(found: string): never {
    throw new InputError(`Cannot read ${this.what}: at byte ${this.#opcodeAt} ${found}`);
  }

  /** Remembers where the next operation begins, for errors. */
  beginOpcode(): void {
    this.#opcodeAt = this.#at;
  }

  byte(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  uint64(): number {
    return this.#safe(this.#view.getBigUint64(this.#advance(8), true));
  }

  float64(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  /** A little-endian two's complement integer of `length` bytes. */
  integer(length: number): number {
    if (length > 8) this.fail(`it has an integer of ${length} bytes, expected at most 8`);
    const bytes = this.bytes(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = value * 256n + BigInt(bytes[i]!);
    return this.#safe(BigInt.asIntN(8 * length, value));
  }

  bytes(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  latin1(length: number): string {
    return new TextDecoder("latin1").decode(this.bytes(length));
  }

  utf8(length: number): string {
    const bytes = this.bytes(length);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return this.fail("it has a text that is not UTF-8");
    }
  }

  /** The text up to the next line feed. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) this.fail("it has a line without an end; it is truncated");
    const text = this.utf8(end - this.#at);
    this.#at = end + 1;
    return text;
  }

  #advance(length: number): number {
    const start = this.#at;
    if (start + length > this.#bytes.length) {
      this.fail(`it needs ${length} bytes, but ends after ${this.#bytes.length - start}`);
    }
    this.#at += length;
    return start;
  }

  #safe(value: bigint): number {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) this.fail(`it has the integer ${value}, beyond 2^53`);
    return number;
  }
}
