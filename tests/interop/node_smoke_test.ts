import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { workspace, imports } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8")) as {
  workspace: string[];
  imports: Record<string, string>;
};
const packages = Object.fromEntries(
  workspace.filter((folder) => folder !== "./packages/testing").map((folder) => [
    `@decorum/${folder.split("/").at(-1)}`,
    join(root, folder, "mod.ts"),
  ]),
);

/** Bundles the packages with one entry each for the main thread and for the runtime's worker. */
function bundle(out: string): void {
  buildSync({
    entryPoints: {
      main: join(root, "tests/interop/node_smoke/main.ts"),
      worker: join(root, "packages/runtime/worker.ts"),
    },
    outdir: out,
    outExtension: { ".js": ".mjs" },
    inject: [join(root, "tests/interop/node_smoke/host.ts")],
    alias: packages,
    external: Object.keys(imports),
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    logLevel: "error",
  });
}

Deno.test("the packages load on Node, and the engine differentiates and runs there", () => {
  // Inside the repository, so that Node finds its node_modules.
  const out = join(root, ".cache", `node_smoke_${Deno.pid}`);
  mkdirSync(out, { recursive: true });
  try {
    bundle(out);
    const printed = execFileSync("node", [join(out, "main.mjs")], {
      encoding: "utf8",
      timeout: 60_000,
    });
    assert.deepEqual(JSON.parse(printed.trim().split("\n").at(-1) ?? ""), {
      host: "node without Deno",
      loss: [5],
      grad: [-14, -24],
      next: [1.5, -0.5],
      empty: [],
    });
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
});
