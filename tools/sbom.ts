import { InputError } from "@decorum/tensor";
import { Contrib, Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { VERSION } from "@decorum/service";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Folders of an image: packages that they name are "required", with all that those need; others "excluded". */
const shipped = ["packages", "services", "cli", "demo"];

/** The part of deno.lock, version 5, that is read here. */
export interface LockFile {
  readonly specifiers: Readonly<Record<string, string>>;
  readonly npm: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly integrity?: string;
  readonly dependencies?: readonly string[];
  readonly optionalDependencies?: readonly string[];
}

/** Name and version of a lock file's key, as "@grpc/reflection@1.0.4_@grpc+grpc-js@1.14.7". */
export function nameAndVersion(key: string): { name: string; version: string } {
  const at = key.indexOf("@", 1);
  if (at < 0) throw new InputError(`Cannot read deno.lock: expected name@version, found "${key}"`);
  return { name: key.slice(0, at), version: key.slice(at + 1).split("_")[0]! };
}

/** Keys of the packages behind a package's dependencies, which the lock names as shortly as it can. */
function dependenciesOf(lock: LockFile, key: string): string[] {
  const { dependencies = [], optionalDependencies = [] } = lock.npm[key] ?? {};
  return [...dependencies, ...optionalDependencies].map((short) => {
    const found = lock.npm[short]
      ? short
      : Object.keys(lock.npm).find((full) => full.startsWith(`${short}@`));
    if (found === undefined) {
      throw new Error(`Cannot read deno.lock: ${key} needs ${short}, which is not in it`);
    }
    return found;
  });
}

/** All packages that are reached from `roots`, which are in it. */
export function reachable(lock: LockFile, roots: Iterable<string>): Set<string> {
  const found = new Set<string>();
  const visit = (key: string) => {
    if (found.has(key)) return;
    found.add(key);
    dependenciesOf(lock, key).forEach(visit);
  };
  for (const key of roots) visit(key);
  return found;
}

/** Keys of the packages that the code of an image names, by the import map of deno.json. */
function imported(lock: LockFile): string[] {
  const { imports } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8")) as {
    imports: Readonly<Record<string, string>>;
  };
  const code = shipped.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !/_test\.ts$|\btesting\b/.test(file))
      .map((file) => readFileSync(join(root, folder, file), "utf8"))
  ).join("\n");
  return Object.entries(imports).flatMap(([name, specifier]) => {
    const version = lock.specifiers[specifier];
    if (version === undefined || !new RegExp(`"${name}[/"]`).test(code)) return [];
    return [`${specifier.slice("npm:".length).replace(/(?<=.)@[^@]*$/, "")}@${version}`];
  });
}

/** What a package says of its license, where it is installed here. */
function licenseOf(name: string, version: string): string | undefined {
  const stored = join(root, "node_modules", ".deno");
  // Behind the version stands, for some, what they were resolved with.
  const wanted = `${name.replace("/", "+")}@${version}`;
  const folder = (existsSync(stored) ? readdirSync(stored) : [])
    .find((found) => found === wanted || found.startsWith(`${wanted}_`));
  if (folder === undefined) return undefined;
  const file = join(stored, folder, "node_modules", name, "package.json");
  if (!existsSync(file)) return undefined;
  const { license } = JSON.parse(readFileSync(file, "utf8")) as { license?: unknown };
  return typeof license === "string" ? license : undefined;
}

/**
 * The bill of materials of a lock file: one component a package, with its hash, license and what it depends on.
 * The same lock file gives the same text.
 *
 * @param required keys of the packages that run; others are marked as excluded
 * @returns CycloneDX 1.6 as JSON
 */
export function billOfMaterials(
  lock: LockFile,
  project: { readonly name: string; readonly version: string },
  required: ReadonlySet<string>,
): string {
  const licenses = new Contrib.License.Factories.LicenseFactory((text) =>
    / (OR|AND|WITH) /.test(text)
  );
  const main = new Models.Component(Enums.ComponentType.Application, project.name, {
    version: project.version,
    bomRef: `${project.name}@${project.version}`,
    licenses: new Models.LicenseRepository([licenses.makeFromString("Apache-2.0")]),
  });
  const components = new Map(
    Object.entries(lock.npm).map(([key, { integrity }]) => {
      const { name, version } = nameAndVersion(key);
      const [, group, bare] = /^(?:(@[^/]+)\/)?(.+)$/.exec(name)!;
      const license = licenseOf(name, version);
      const component = new Models.Component(Enums.ComponentType.Library, bare!, {
        ...(group === undefined ? {} : { group }),
        version,
        bomRef: key,
        purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
        scope: required.has(key) ? Enums.ComponentScope.Required : Enums.ComponentScope.Excluded,
      });
      if (license !== undefined) component.licenses.add(licenses.makeFromString(license));
      if (integrity?.startsWith("sha512-")) {
        const hash = Buffer.from(integrity.slice(7), "base64").toString("hex");
        component.hashes.set(Enums.HashAlgorithm["SHA-512"], hash);
      }
      return [key, component] as const;
    }),
  );
  for (const [key, component] of components) {
    for (const other of dependenciesOf(lock, key)) {
      component.dependencies.add(components.get(other)!.bomRef);
    }
  }
  for (const key of required) main.dependencies.add(components.get(key)!.bomRef);
  const bom = new Models.Bom({
    metadata: new Models.Metadata({ component: main }),
    components: new Models.ComponentRepository(components.values()),
  });
  const normalizers = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  return new Serialize.JsonSerializer(normalizers).serialize(bom, { sortLists: true, space: 2 }) +
    "\n";
}

if (import.meta.main) {
  const [flag, out, ...rest] = process.argv.slice(2);
  if ((flag !== undefined && flag !== "--out") || (flag && !out) || rest.length > 0) {
    console.error("usage: deno task sbom [--out FILE]");
    process.exit(2);
  }
  const lock = JSON.parse(readFileSync(join(root, "deno.lock"), "utf8")) as LockFile;
  const text = billOfMaterials(
    lock,
    { name: "decorum", version: VERSION },
    reachable(lock, imported(lock)),
  );
  if (out) writeFileSync(out, text);
  else console.log(text);
}
