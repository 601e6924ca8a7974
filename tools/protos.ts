/**
 * Generates the message and service types of `protos/` into `packages/rpc/gen`.
 *
 *     deno run -A tools/protos.ts           writes them
 *     deno run -A tools/protos.ts --check   fails when they are not what the protos say
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const packages = ["policy", "reward", "trainer", "evaluator"];
const committed = join(root, "packages/rpc/gen");

function generate(folder: string): void {
  const require = createRequire(import.meta.url);
  const loader = dirname(require.resolve("@grpc/proto-loader/package.json"));
  const result = spawnSync(process.execPath, [
    ...(process.versions["deno"] === undefined ? [] : ["run", "-A"]),
    join(loader, "build/bin/proto-loader-gen-types.js"),
    // The same choices as loadProto: the types say what the loader does.
    ...["--longs", "Number", "--enums", "String", "--defaults", "--oneofs", "--includeComments"],
    ...["--grpcLib", "@grpc/grpc-js", "--importFileExtension", ".ts"],
    ...["--includeDirs", "protos", "-O", folder],
    ...packages.map((name) => `decorum/${name}/v1/${name}_service.proto`),
  ], { cwd: root, encoding: "utf8" });
  if (result.status !== 0) {
    throw new Error(`proto-loader-gen-types failed: ${result.stderr || result.stdout}`);
  }
  for (const name of packages) {
    // The tree of namespaces that grpc.loadPackageDefinition returns: not used here.
    rmSync(join(folder, `${name}_service.ts`), { force: true });
    const messages = join("decorum", name, "v1");
    const exports = readdirSync(join(folder, messages)).filter((file) => !/Service\.ts$/.test(file))
      .sort().map((file) => `export * from "./${messages}/${file}";\n`);
    writeFileSync(
      join(folder, `${name}_v1.ts`),
      `// The messages and enums of decorum.${name}.v1.\n${exports.join("")}`,
    );
  }
}

function files(folder: string): Map<string, string> {
  return new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return [path.slice(folder.length + 1), readFileSync(path, "utf8")];
      }),
  );
}

const fresh = mkdtempSync(join(tmpdir(), "decorum-protos-"));
try {
  generate(fresh);
  if (process.argv.includes("--check")) {
    const [old, now] = [files(committed), files(fresh)];
    const stale = [...new Set([...old.keys(), ...now.keys()])]
      .filter((path) => old.get(path) !== now.get(path)).sort();
    if (stale.length > 0) {
      console.error(`packages/rpc/gen is not what protos/ says: ${stale.join(", ")}`);
      console.error("Run deno run -A tools/protos.ts");
      process.exitCode = 1;
    } else console.log(`packages/rpc/gen is up to date: ${now.size} files`);
  } else {
    rmSync(committed, { recursive: true, force: true });
    cpSync(fresh, committed, { recursive: true });
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
