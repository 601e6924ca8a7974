import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findCycle, readImportGraph, relativeImports } from "./import_cycles.ts";
import { chores, layers } from "./layer_table.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

Deno.test("relative imports of every form are found, packages and types are not", () => {
  const source = `import { a } from "./a.ts";
import {
  b,
} from "../b.ts";
import "./c.ts";
export * from "./d.ts";
export { e } from "./e.ts";
import type { F } from "./f.ts";
import { g } from "@decorum/tensor";
export const h = "./h.ts";
`;
  assert.deepEqual(relativeImports(source), ["./a.ts", "../b.ts", "./c.ts", "./d.ts", "./e.ts"]);
});

Deno.test("a cycle is found and named", () => {
  const tree = new Map([["a", ["b", "c"]], ["b", ["c"]], ["c", []]]);
  assert.equal(findCycle(tree), undefined);
  assert.deepEqual(findCycle(new Map([...tree, ["c", ["b"]]])), ["b", "c", "b"]);
});

Deno.test("no file of the tree imports itself through others, once types are gone", () => {
  const folders = [...new Set([...layers, ...chores].map((l) => l.folder.split("/")[0] ?? ""))]
    .filter((folder) => existsSync(join(root, folder)));
  const graph = readImportGraph(root, folders);
  assert.ok(graph.size > 50, `read only ${graph.size} files`);
  assert.equal(findCycle(graph)?.join(" -> "), undefined);
});
