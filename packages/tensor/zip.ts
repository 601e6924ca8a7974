import { InputError } from "./tensor.ts";
import type { ReadableFile } from "./file.ts";

/** One uncompressed member of a zip file. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Where the member's own header lies; its data follow that header. */
  readonly headerOffset: number;
}

const signatures = {
  entry: 0x04034b50,
  directoryEntry: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  end64Locator: 0x07064b50,
};

/** Most bytes the directory may have: 64 MiB, above half a million members. */
const maxDirectoryBytes = 2 ** 26;

function fail(file: ReadableFile, found: string): never {
  throw new InputError(`Cannot read zip file ${file.path}: ${found}`);
}

/**
 * The members of a zip file by name, from its central directory (APPNOTE.TXT 6.3, with zip64).
 *
 * @throws InputError for a malformed directory, and for members that are compressed or encrypted,
 * which `torch.save` never writes.
 */
export function readZipDirectory(file: ReadableFile): Map<string, ZipEntry> {
  const { count, size, offset } = findDirectory(file);
  if (size > maxDirectoryBytes) {
    fail(file, `its directory has ${size} bytes, expected at most ${maxDirectoryBytes}`);
  }
  const bytes = file.read(offset, size, "zip directory");
  const view = new DataView(bytes.buffer);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    const what = `directory entry ${i} of ${count}`;
    if (at + 46 > size || view.getUint32(at, true) !== signatures.directoryEntry) {
      fail(file, `${what} is missing at byte ${offset + at}`);
    }
    const nameEnd = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    if (extraEnd > size) fail(file, `${what} runs past the directory's end`);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, nameEnd));
    const entry = directoryEntry(
      file,
      view,
      at,
      new DataView(bytes.buffer, nameEnd, extraEnd - nameEnd),
      name,
    );
    if (entries.has(name)) fail(file, `it has the member ${JSON.stringify(name)} twice`);
    entries.set(name, entry);
    at = extraEnd + view.getUint16(at + 32, true);
  }
  return entries;
}

/** Where a member's data begin in the file; they are `entry.size` bytes. */
export function zipDataOffset(file: ReadableFile, entry: ZipEntry): number {
  const what = `header of zip member ${JSON.stringify(entry.name)}`;
  const view = new DataView(file.read(entry.headerOffset, 30, what).buffer);
  if (view.getUint32(0, true) !== signatures.entry) {
    fail(file, `there is no ${what} at byte ${entry.headerOffset}`);
  }
  const offset = entry.headerOffset + 30 + view.getUint16(26, true) + view.getUint16(28, true);
  if (offset + entry.size > file.size) {
    fail(
      file,
      `member ${JSON.stringify(entry.name)} ends at byte ${
        offset + entry.size
      }, but the file has ` +
        `${file.size} bytes; it is truncated, fetch it again`,
    );
  }
  return offset;
}

interface Directory {
  readonly count: number;
  readonly size: number;
  readonly offset: number;
}

function findDirectory(file: ReadableFile): Directory {
  // The end record is 22 bytes and a comment of at most 65535.
  const tailSize = Math.min(file.size, 22 + 0xffff);
  const tailStart = file.size - tailSize;
  const view = new DataView(file.read(tailStart, tailSize, "zip end record").buffer);
  let at = tailSize - 22;
  while (at >= 0 && !isEndRecord(view, at)) at--;
  if (at < 0) {
    fail(file, "its end record is missing; the file is truncated or no zip file, fetch it again");
  }
  const directory = endsIn64(view, at) ? zip64Directory(file, view, at, tailStart) : {
    count: view.getUint16(at + 10, true),
    size: view.getUint32(at + 12, true),
    offset: view.getUint32(at + 16, true),
  };
  if (directory.offset + directory.size > tailStart + at) {
    fail(
      file,
      `its directory (${directory.size} bytes at ${directory.offset}) runs into the end record at ` +
        `${tailStart + at}`,
    );
  }
  return directory;
}

function isEndRecord(view: DataView, at: number): boolean {
  return view.getUint32(at, true) === signatures.end &&
    at + 22 + view.getUint16(at + 20, true) === view.byteLength;
}

function endsIn64(view: DataView, end: number): boolean {
  return end >= 20 && view.getUint32(end - 20, true) === signatures.end64Locator;
}

function zip64Directory(
  file: ReadableFile,
  tail: DataView,
  end: number,
  tailStart: number,
): Directory {
  const start = uint64(file, tail, end - 12);
  if (start + 56 > tailStart + end - 20) {
    fail(file, `its zip64 end record is said to be at byte ${start}, past its locator`);
  }
  const view = new DataView(file.read(start, 56, "zip64 end record").buffer);
  if (view.getUint32(0, true) !== signatures.end64) {
    fail(file, `there is no zip64 end record at byte ${start}`);
  }
  return {
    count: uint64(file, view, 32),
    size: uint64(file, view, 40),
    offset: uint64(file, view, 48),
  };
}

function directoryEntry(
  file: ReadableFile,
  view: DataView,
  at: number,
  extra: DataView,
  name: string,
): ZipEntry {
  const member = `member ${JSON.stringify(name)}`;
  if ((view.getUint16(at + 8, true) & 1) !== 0) fail(file, `${member} is encrypted`);
  const method = view.getUint16(at + 10, true);
  if (method !== 0) {
    fail(file, `${member} is compressed (method ${method}), expected stored data (method 0)`);
  }
  let stored = view.getUint32(at + 20, true);
  let size = view.getUint32(at + 24, true);
  let headerOffset = view.getUint32(at + 42, true);
  const wide = zip64Fields(file, extra, member);
  const next = () => wide.shift() ?? fail(file, `${member} lacks a zip64 size or offset`);
  if (size === 0xffffffff) size = next();
  if (stored === 0xffffffff) stored = next();
  if (headerOffset === 0xffffffff) headerOffset = next();
  if (stored !== size) {
    fail(file, `${member} has ${stored} stored bytes, expected ${size}, its size`);
  }
  return { name, size, headerOffset };
}

/** The 64-bit numbers of the zip64 extra field (id 1); empty when there is none. */
function zip64Fields(file: ReadableFile, extra: DataView, member: string): number[] {
  for (let at = 0; at + 4 <= extra.byteLength;) {
    const end = at + 4 + extra.getUint16(at + 2, true);
    if (end > extra.byteLength) fail(file, `${member} has an extra field past its end`);
    if (extra.getUint16(at, true) === 1) {
      const numbers: number[] = [];
      for (let i = at + 4; i + 8 <= end; i += 8) numbers.push(uint64(file, extra, i));
      return numbers;
    }
    at = end;
  }
  return [];
}

function uint64(file: ReadableFile, view: DataView, at: number): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    fail(file, `it has the 64-bit size or offset ${value}, expected less than 2^53`);
  }
  return Number(value);
}
