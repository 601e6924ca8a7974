/**
 * Generates the message and service types of `protos/` into `packages/rpc/gen`.
 *
 *     deno run -A tools/protos.ts           writes them
 *     deno run -A tools/protos.ts --check   fails when they are not what the protos say
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const packages = ["policy", "reward", "trainer", "evaluator", "learner"];
/** Contracts of others: their file, and the folder of messages that becomes a module. */
const thirdParty = [
  { file: "third_party/inference/grpc_service.proto", messages: "inference", module: "inference" },
  { file: "third_party/tei/tei.proto", messages: "tei/v1", module: "tei_v1" },
];
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
    ...thirdParty.map(({ file }) => file),
  ], { cwd: root, encoding: "utf8" });
  if (result.status !== 0) {
    throw new Error(`proto-loader-gen-types failed: ${result.stderr || result.stdout}`);
  }
  for (const name of packages) {
    writeModule(folder, `${name}_service`, `decorum/${name}/v1`, `${name}_v1`);
  }
  for (const { file, messages, module } of thirdParty) {
    writeModule(folder, basename(file, ".proto"), messages, module);
  }
  writeKinds(folder);
}

/** What the generated definitions leave out: which methods take and give streams. */
function writeKinds(folder: string): void {
  const protos = [
    ...packages.map((name) => `decorum/${name}/v1/${name}_service.proto`),
    ...thirdParty.map(({ file }) => file),
  ];
  const loaded = Object.assign(
    {},
    ...protos.map((file) => loadSync(file, { includeDirs: [join(root, "protos")] })),
  ) as PackageDefinition;
  const services = Object.entries(loaded).flatMap(([name, definition]) => {
    if ("format" in definition) return [];
    const methods = Object.entries(definition).map(
      ([method, { requestStream, responseStream }]) => {
        const kind = requestStream
          ? (responseStream ? "bidi" : "clientStream")
          : (responseStream ? "serverStream" : "unary");
        return `    ${method}: "${kind}",\n`;
      },
    );
    return [`  "${name}": {\n${methods.join("")}  },\n`];
  });
  writeFileSync(
    join(folder, "kinds.ts"),
    `// The kind of every method, by service, as the descriptors say it.\n` +
      `export const kinds = {\n${services.sort().join("")}} as const;\n`,
  );
}

/** One module with the messages and enums of a package; its services are imported from their own files. */
function writeModule(folder: string, tree: string, messages: string, module: string): void {
  // The tree of namespaces that grpc.loadPackageDefinition returns: not used here.
  rmSync(join(folder, `${tree}.ts`), { force: true });
  const isService = (file: string) =>
    readFileSync(join(folder, messages, file), "utf8").includes("extends grpc.ServiceDefinition");
  const exports = readdirSync(join(folder, messages)).filter((file) => !isService(file))
    .sort().map((file) => `export * from "./${messages}/${file}";\n`);
  writeFileSync(
    join(folder, `${module}.ts`),
    `// The messages and enums of ${messages.replaceAll("/", ".")}.\n${exports.join("")}`,
  );
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
