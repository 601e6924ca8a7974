import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { type ElfLibrary, readElf } from "./elf.ts";

/** A library that would not be found when `neededBy` is loaded. */
export interface MissingLibrary {
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
export function loadedLibraries(): Set<string> {
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
