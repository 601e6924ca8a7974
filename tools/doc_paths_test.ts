import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Folders of the repository that hold documents or are named in them. */
const folders = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !/^\.|^(node_modules|out)$/.test(entry.name))
  .map(({ name }) => name);

function* documents(): Generator<string> {
  for (const name of readdirSync(root)) if (name.endsWith(".md")) yield join(root, name);
  for (const folder of folders) {
    for (const path of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
      if (path.endsWith(".md") && !/(^|\/)(node_modules|\.venv)\//.test(path)) {
        yield join(root, folder, path);
      }
    }
  }
}

/** A heading's name in links, as GitHub makes it. */
const anchorOf = (heading: string) =>
  heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");

function hasAnchor(file: string, anchor: string): boolean {
  const headings = readFileSync(file, "utf8").matchAll(/^#+ (.+)$/gm);
  return [...headings].some(([, heading]) => anchorOf(heading!) === anchor);
}

/** Links and paths in a document that lead nowhere. */
function broken(file: string): string[] {
  const text = readFileSync(file, "utf8");
  const links = [...text.matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].filter(
    ([, path, anchor]) => {
      const target = path === "" ? file : join(dirname(file), path!);
      return !existsSync(target) || (anchor !== undefined && !hasAnchor(target, anchor));
    },
  );
  const paths = [...text.matchAll(/`([a-z]+)\/[\w./-]+`/g)].filter(([path, folder]) =>
    folders.includes(folder!) && !existsSync(join(root, path.slice(1, -1)))
  );
  return [...links, ...paths].map(([found]) => `${relative(root, file)}: ${found}`);
}

Deno.test("links and paths in the documents lead to what is there", () => {
  const files = [...documents()];
  assert.ok(files.length > 30);
  assert.deepEqual(files.flatMap(broken), []);
});
