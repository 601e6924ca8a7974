import process from "node:process";
import { InputError } from "@decorum/tensor";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** A library that would not be found when `neededBy` is loaded. */
interface MissingLibrary {
  readonly library: string;
  readonly neededBy: string;
}

/** Lines of ld.so.conf with its `include` lines followed. */
function configuredFolders(path: string): string[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n").map((l) => l.replace(/#.*/, "").trim());
  return lines.filter((line) => line !== "").flatMap((line) => {
    const include = /^include\s+(.+)$/.exec(line)?.[1];
    if (include === undefined) return line.startsWith("/") ? [line] : [];
    const pattern = join(dirname(path), include.startsWith("/") ? "" : include);
    const glob = include.startsWith("/") ? include : pattern;
    const folder = dirname(glob);
    if (!existsSync(folder)) return [];
    const suffix = basename(glob).replace(/^\*/, "");
    return readdirSync(folder).filter((f) => f.endsWith(suffix))
      .sort().flatMap((f) => configuredFolders(join(folder, f)));
  });
}

/** Folders the dynamic linker looks in for every library: `LD_LIBRARY_PATH`, ld.so.conf, the defaults. */
export function systemFolders(libraryPath = process.env["LD_LIBRARY_PATH"] ?? ""): string[] {
  const triplet = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  return [
    ...libraryPath.split(":").filter((folder) => folder !== ""),
    ...configuredFolders("/etc/ld.so.conf"),
    ...[triplet, "", "64"].flatMap((kind) =>
      kind === "64" ? ["/lib64", "/usr/lib64"] : [join("/lib", kind), join("/usr/lib", kind)]
    ),
  ];
}

/** Names of libraries already in this process, which the linker does not search for again. */
function loadedLibraries(): Set<string> {
  if (!existsSync("/proc/self/maps")) return new Set();
  const paths = readFileSync("/proc/self/maps", "utf8").matchAll(/\s(\/\S+\.so[.\d]*)$/gm);
  return new Set([...paths].map(([, path = ""]) => basename(path)));
}

function tryRead(path: string, machine: number): ElfLibrary | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const library = readElf(path);
    return library.machine === machine ? library : undefined;
  } catch {
    return undefined; // A linker script or another architecture's file: the linker skips it as well.
  }
}

/**
 * Libraries that loading `path` would ask for in vain, those of its libraries included.
 *
 * Follows ld.so(8): the library's own search path, `LD_LIBRARY_PATH`, configured and default folders.
 */
export function missingLibraries(
  path: string,
  folders: readonly string[] = systemFolders(),
  loaded: ReadonlySet<string> = loadedLibraries(),
): MissingLibrary[] {
  const root = readElf(path);
  const missing: MissingLibrary[] = [];
  const seen = new Set(loaded);
  const visit = (at: string, library: ElfLibrary) => {
    const own = library.searchPath.map((f) => f.replace(/\$\{?ORIGIN\}?/, dirname(at)));
    for (const name of library.needed) {
      if (seen.has(name)) continue;
      seen.add(name);
      const found = [...own, ...folders].map((folder) => join(folder, name))
        .map((file) => ({ file, library: tryRead(file, root.machine) }))
        .find((candidate) => candidate.library !== undefined);
      if (found?.library) visit(found.file, found.library);
      else missing.push({ library: name, neededBy: basename(at) });
    }
  };
  visit(path, root);
  return missing;
}

/** What the dynamic linker reads of a shared library (System V ABI, chapters 4 and 5). */
interface ElfLibrary {
  /** `e_machine`: 62 is x86-64, 183 is AArch64. */
  readonly machine: number;
  readonly soname: string | undefined;
  /** Libraries it needs (`DT_NEEDED`), in order. */
  readonly needed: readonly string[];
  /** Folders it has them searched in (`DT_RPATH`, `DT_RUNPATH`), `$ORIGIN` not yet replaced. */
  readonly searchPath: readonly string[];
}

const PT_LOAD = 1, PT_DYNAMIC = 2;
const DT_NEEDED = 1, DT_STRTAB = 5, DT_STRSZ = 10, DT_SONAME = 14, DT_RPATH = 15, DT_RUNPATH = 29;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

function readAt(file: number, offset: number, length: number): DataView<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  if (readSync(file, bytes, 0, length, offset) !== length) {
    throw new InputError(`the file ends before byte ${offset + length}`);
  }
  return new DataView(bytes.buffer);
}

/** Offsets, addresses and sizes of real files fit a double. */
const u64 = (view: DataView, at: number) => Number(view.getBigUint64(at, true));

function segmentsOf(file: number, header: DataView): Segment[] {
  const entrySize = header.getUint16(54, true);
  const count = header.getUint16(56, true);
  const table = readAt(file, u64(header, 32), entrySize * count);
  return Array.from({ length: count }, (_, i) => ({
    type: table.getUint32(i * entrySize, true),
    offset: u64(table, i * entrySize + 8),
    address: u64(table, i * entrySize + 16),
    size: u64(table, i * entrySize + 32),
  }));
}

function stringsOf(file: number, segments: readonly Segment[], address: number, size: number) {
  const home = segments.find((s) =>
    s.type === PT_LOAD && s.address <= address && address < s.address + s.size
  );
  if (!home) throw new InputError(`no segment holds the string table at address ${address}`);
  const table = new Uint8Array(readAt(file, home.offset + address - home.address, size).buffer);
  return (at: number) => new TextDecoder().decode(table.subarray(at, table.indexOf(0, at)));
}

function parse(file: number): ElfLibrary {
  const header = readAt(file, 0, 64);
  // 0x7f "ELF", 64 bit, little endian
  if (header.getUint32(0) !== 0x7f454c46 || header.getUint16(4) !== 0x0201) {
    throw new InputError("it is not a 64-bit little-endian ELF file");
  }
  const segments = segmentsOf(file, header);
  const dynamic = segments.find((s) => s.type === PT_DYNAMIC);
  if (!dynamic) throw new InputError("it has no dynamic section");
  const table = readAt(file, dynamic.offset, dynamic.size);
  const entries = Array.from({ length: Math.floor(dynamic.size / 16) }, (_, i) => ({
    tag: u64(table, i * 16),
    value: u64(table, i * 16 + 8),
  }));
  const valuesOf = (tag: number) => entries.filter((e) => e.tag === tag).map((e) => e.value);
  const [strings = 0] = valuesOf(DT_STRTAB);
  const [size = 0] = valuesOf(DT_STRSZ);
  const text = stringsOf(file, segments, strings, size);
  return {
    machine: header.getUint16(18, true),
    soname: valuesOf(DT_SONAME).map(text)[0],
    needed: valuesOf(DT_NEEDED).map(text),
    searchPath: [...valuesOf(DT_RPATH), ...valuesOf(DT_RUNPATH)]
      .flatMap((at) => text(at).split(":")).filter((folder) => folder !== ""),
  };
}

/**
 * Reads a shared library's dynamic section without loading it.
 *
 * @throws InputError when the file is no 64-bit little-endian shared library; Error when it cannot be read
 */
export function readElf(path: string): ElfLibrary {
  const file = openSync(path, "r");
  try {
    return parse(file);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`Cannot read library "${path}": ${error.message}`);
  } finally {
    closeSync(file);
  }
}
