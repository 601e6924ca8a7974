import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";

/** Importing file -> imported files, by path from the folder that was read. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** Specifiers of the relative imports and re-exports of a source text; those of types only vanish when run. */
export function relativeImports(source: string): string[] {
  const statements = source.matchAll(
    /^(?:import\s*|(?:import|export)\b(\s+type\b)?[^;"'=]*?\bfrom\s*)["'](\.{1,2}\/[^"']+)["']/gm,
  );
  return [...statements].filter(([, type]) => type === undefined)
    .map(([, , specifier]) => specifier ?? "");
}

/** Reads the imports between the TypeScript files under `folders` of `root`. */
export function readImportGraph(root: string, folders: readonly string[]): ImportGraph {
  const graph = new Map<string, string[]>();
  for (const folder of folders) {
    for (const name of readdirSync(posix.join(root, folder), { recursive: true }) as string[]) {
      if (!name.endsWith(".ts")) continue;
      const file = posix.join(folder, name);
      const source = readFileSync(posix.join(root, file), "utf8");
      graph.set(
        file,
        relativeImports(source).map((specifier) => posix.join(posix.dirname(file), specifier)),
      );
    }
  }
  return graph;
}

/** One cycle of the graph, as a path that ends where it began; undefined when there is none. */
export function findCycle(graph: ImportGraph): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    const start = path.indexOf(file);
    if (start >= 0) return [...path.slice(start), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next, [...path, file]);
      if (cycle) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file, []);
    if (cycle) return cycle;
  }
  return undefined;
}
