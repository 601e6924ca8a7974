import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { base, chartFiles, files, kustomizeBase } from "./generated.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

function write(folder: string, texts: ReadonlyMap<string, string>): void {
  rmSync(join(root, folder), { recursive: true, force: true });
  for (const [path, text] of texts) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    console.log(path);
  }
}

write(files, chartFiles());
// Rendered by the chart as it now is.
write(base, await kustomizeBase());
