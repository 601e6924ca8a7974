import { InputError } from "./tensor.ts";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** Most bytes handed to one read call; the system's own limit is just below 2^31. */
const chunkBytes = 2 ** 30;

/** A file open for positioned reads; close it with `close()` or `using`. */
export class ReadableFile implements Disposable {
  readonly #descriptor: number;
  #open = true;

  private constructor(
    readonly path: string,
    descriptor: number,
    /** Bytes. */
    readonly size: number,
    /** Time of the last change, nanoseconds since 1970. */
    readonly modified: bigint,
  ) {
    this.#descriptor = descriptor;
  }

  /** @throws Error when the path cannot be opened or is not a regular file. */
  static open(path: string): ReadableFile {
    let descriptor: number;
    try {
      descriptor = openSync(path, "r");
    } catch (cause) {
      throw new InputError(`Cannot open ${path}: ${(cause as Error).message}`, { cause });
    }
    const stat = fstatSync(descriptor, { bigint: true });
    if (!stat.isFile()) {
      closeSync(descriptor);
      throw new InputError(`Cannot read ${path}: it is not a regular file`);
    }
    return new ReadableFile(path, descriptor, Number(stat.size), stat.mtimeNs);
  }

  /**
   * The bytes from `offset` to `offset + length`, in a buffer of their own.
   *
   * @throws InputError when the file does not hold them all; Error when the file is closed.
   */
  read(offset: number, length: number, what: string): Uint8Array<ArrayBuffer> {
    if (!this.#open) {
      throw new InputError(`Cannot read ${what} of ${this.path}: the file was closed`);
    }
    const outside = () =>
      new InputError(
        `Cannot read ${what} of ${this.path}: bytes ${offset} to ${offset + length} are not all ` +
          `inside the file of ${this.size} bytes; it is truncated or was changed, fetch it again`,
      );
    if (offset < 0 || length < 0 || offset + length > this.size) throw outside();
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const wanted = Math.min(chunkBytes, length - done);
      const count = readSync(this.#descriptor, bytes, done, wanted, offset + done);
      if (count === 0) throw outside();
      done += count;
    }
    return bytes;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#descriptor);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A hint for the commonest wrong file: a Git LFS pointer in place of the weights; else nothing. */
export function lfsHint(start: Uint8Array): string {
  const text = new TextDecoder().decode(start.subarray(0, 8));
  return text === "version " ? "; it is a Git LFS pointer: run `git lfs pull` in its folder" : "";
}
