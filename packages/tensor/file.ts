import { InputError } from "./tensor.ts";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { randomUUID } from "node:crypto";
import { dirname } from "node:path";
import process from "node:process";

/** Most bytes handed to one read or write call; the system's own limit is just below 2^31. */
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

/**
 * Writes a whole file so that readers see the old one or the new one, never a part: the chunks go to
 * a temporary name in the same folder, are flushed to disk, and are renamed over `path`.
 * When anything fails the temporary file is removed and `path` is as it was.
 */
export function replaceFile(path: string, chunks: Iterable<Uint8Array>): void {
  const temporary = `${path}.${process.pid}-${randomUUID()}.tmp`;
  const descriptor = create(temporary);
  let open = true;
  try {
    for (const chunk of chunks) writeAll(descriptor, chunk);
    fsyncSync(descriptor);
    open = false;
    closeSync(descriptor);
    renameSync(temporary, path);
  } catch (error) {
    if (open) closeSync(descriptor);
    rmSync(temporary, { force: true });
    throw error;
  }
  flushFolder(dirname(path));
}

function create(path: string): number {
  try {
    return openSync(path, "wx");
  } catch (cause) {
    throw new InputError(`Cannot create ${path}: ${(cause as Error).message}`, { cause });
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(descriptor, bytes, done, Math.min(chunkBytes, bytes.length - done));
  }
}

/** Makes a rename durable. Not every file system can open or flush a folder; the rename stands. */
function flushFolder(folder: string): void {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(folder, "r");
    fsyncSync(descriptor);
  } catch {
    return;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** A hint for the commonest wrong file: a Git LFS pointer in place of the weights; else nothing. */
export function lfsHint(start: Uint8Array): string {
  const text = new TextDecoder().decode(start.subarray(0, 8));
  return text === "version " ? "; it is a Git LFS pointer: run `git lfs pull` in its folder" : "";
}
