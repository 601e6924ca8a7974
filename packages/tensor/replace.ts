import { randomUUID } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { InputError } from "./tensor.ts";

/** Most bytes handed to one write call; the system's own limit is just below 2^31. */
const chunkBytes = 2 ** 30;

/**
 * Writes a whole file so that readers see the old one or the new one, never a part: the content goes to a temporary name
 * in the same folder, which is made where it is missing, is flushed to disk, and renamed over `path`. When anything fails the
 * temporary file is removed and `path` is as it was.
 *
 * @throws InputError where no file can be made there; Error when writing fails
 */
export function replaceFile(path: string, content: string | Iterable<Uint8Array>): void {
  const chunks = typeof content === "string" ? [new TextEncoder().encode(content)] : content;
  const temporary = temporaryOf(path);
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

/**
 * Writes a folder that readers never see in part: `write` fills a temporary folder beside it, which is flushed to disk and
 * renamed. A folder of that name is moved aside first and removed last, so for a moment there is none; a
 * process that is killed in that moment leaves it as `<folder>.<id>.old`.
 *
 * @param marker the file that says a folder is of this kind: only such a one, or an empty one, is replaced
 * @returns bytes of its files
 * @throws InputError when `folder` holds other files; whatever `write` throws, and the folder is as it was
 */
export function replaceFolder(
  folder: string,
  marker: string,
  write: (temporary: string) => void,
): number {
  const target = resolve(folder);
  checkReplaceable(target, marker);
  const temporary = temporaryOf(target);
  mkdirSync(temporary, { recursive: true });
  try {
    write(temporary);
    const bytes = flush(temporary);
    moveInPlace(temporary, target);
    flushFolder(dirname(target));
    return bytes;
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
}

/** Whether a name is what a killed process may leave of {@link replaceFile} and {@link replaceFolder}. */
export function isLeftover(name: string): boolean {
  return /\.(tmp|old)$/.test(name);
}

function temporaryOf(path: string): string {
  return `${path}.${randomUUID()}.tmp`;
}

function create(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true });
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

function checkReplaceable(target: string, marker: string): void {
  if (!existsSync(target)) return;
  const names = readdirSync(target).sort();
  if (names.length === 0 || names.includes(marker)) return;
  throw new InputError(
    `Cannot write to folder ${target}: it holds ${names.length} other files (first: "${
      names[0]
    }") and no ${marker}, so it is none of this kind; name a new or an empty folder`,
  );
}

function moveInPlace(temporary: string, target: string): void {
  if (!existsSync(target)) return renameSync(temporary, target);
  const old = temporary.replace(/\.tmp$/, ".old");
  renameSync(target, old);
  try {
    renameSync(temporary, target);
  } catch (error) {
    renameSync(old, target);
    throw error;
  }
  rmSync(old, { recursive: true });
}

/** Flushes all files of a folder to the disk. @returns their bytes */
function flush(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      bytes += flush(path);
      continue;
    }
    const file = openSync(path, "r+");
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    bytes += statSync(path).size;
  }
  flushFolder(folder);
  return bytes;
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
