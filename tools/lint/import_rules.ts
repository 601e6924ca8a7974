import { posix } from "node:path";
import { chores, homedModules, type Layer, layers, portable } from "./layer_table.ts";

/** Why an import (or a global) is forbidden, and what is allowed instead. */
export interface Violation {
  readonly message: string;
  readonly hint: string;
}

interface Place {
  /** The row's own name: `packages/onnx`, `services/trainer`, `tools`. */
  readonly folder: string;
  /** Position in {@link layers}; chores come after all of them. */
  readonly level: number;
  readonly layer: Layer;
}

/** Test files and the helpers beside them, by path from the repository's root. */
export function isTestCode(file: string): boolean {
  return file.endsWith("_test.ts") ||
    /^(tests|packages\/testing|(packages|services|cli)(\/[^/]+)?\/testing)\//.test(file);
}

/** The row of the table a path belongs to. */
function placeOf(file: string): Place | undefined {
  const [top = "", second = ""] = file.split("/");
  for (const [level, layer] of layers.entries()) {
    const folder = layer.folder.endsWith("/*") ? `${top}/${second}` : layer.folder;
    const inside = layer.folder.endsWith("/*")
      ? `${top}/*` === layer.folder && file.startsWith(`${folder}/`)
      : file === folder || file.startsWith(`${folder}/`);
    if (inside) return { folder, level, layer };
  }
  const layer = chores.find((c) => c.folder === top);
  return layer && { folder: top, level: layers.length, layer };
}

const packageNamed = (name: string): Place | undefined => placeOf(`packages/${name}`);

/** What a folder may import, for the hint of a message. */
function allowedIn(from: Place): string {
  const names = layers.slice(0, from.level)
    .filter((l) =>
      !l.importers || from.level === layers.length || l.importers.includes(from.folder)
    )
    .filter((l) => l.folder !== "services/*")
    .map((l) => l.folder.replace(/^packages\//, "@decorum/"));
  return names.length === 0
    ? `${from.folder} is the ground: it imports no other folder`
    : `${from.folder} may import ${names.join(", ")}`;
}

const isChore = ({ level }: Place): boolean => level === layers.length;

/** The layer rule between two different folders. */
function layering(from: Place, to: Place, specifier: string, test: boolean): Violation | undefined {
  const what = `${from.folder} imports "${specifier}"`;
  const toPackage = to.folder.startsWith("packages/");
  if (isChore(from) || (test && toPackage)) return undefined;
  if (isChore(to)) {
    return {
      message: `${what}, but only bench, examples, tests and tools import each other`,
      hint: allowedIn(from),
    };
  }
  if (from.folder.startsWith("services/") && to.folder.startsWith("services/")) {
    return {
      message: `${what}, but a service never imports another service`,
      hint: "call it through its client in @decorum/rpc, or move what both need into a package",
    };
  }
  if (to.level >= from.level) {
    return {
      message: `${what}, but ${to.folder} is below it in tools/lint/layer_table.ts`,
      hint: allowedIn(from),
    };
  }
  if (to.layer.importers && !to.layer.importers.includes(from.folder)) {
    const importers = to.layer.importers.join(" and ") || "tests";
    return {
      message: `${what}, but only ${importers} import ${to.folder}`,
      hint: allowedIn(from),
    };
  }
  return undefined;
}

/** `npm:@grpc/grpc-js@1.14.7/build` -> `@grpc/grpc-js/build`. */
function bare(specifier: string): string {
  return specifier.replace(/^npm:\/?/, "").replace(/^((?:@[^/@]+\/)?[^/@]+)@[^/]+/, "$1");
}

function homed(from: Place, specifier: string, test: boolean): Violation | undefined {
  const name = bare(specifier);
  const rule = homedModules.find(({ module }) =>
    module.endsWith("/")
      ? name.startsWith(module)
      : name === module || name.startsWith(`${module}/`)
  );
  if (!rule || [rule.home, ...rule.also ?? []].includes(from.folder) || (rule.inTests && test)) {
    return undefined;
  }
  return {
    message: `${from.folder} imports "${specifier}", but only ${rule.home} imports it`,
    hint: `use @decorum/${posix.basename(rule.home)}${
      rule.inTests ? ", or move the code to a *_test.ts or testing/ file" : ""
    }`,
  };
}

/** Judges where a file lies. */
export function judgeFile(file: string): Violation | undefined {
  if (placeOf(file)) return undefined;
  return {
    message: `${posix.dirname(file)} has code, but is in no row of the layer table`,
    hint: "add a row to tools/lint/layer_table.ts",
  };
}

/**
 * Judges one import against the layer table.
 *
 * @param file importing file, from the repository's root with forward slashes
 * @param specifier what is written between the quotes
 */
export function judgeImport(file: string, specifier: string): Violation | undefined {
  const from = placeOf(file);
  if (!from) return undefined; // judgeFile says so once
  const test = isTestCode(file);
  const name = /^@decorum\/([^/]+)(\/.+)?$/.exec(specifier);
  if (name) {
    const to = packageNamed(name[1] ?? "");
    if (!to) {
      return {
        message: `${from.folder} imports "${specifier}", but the layer table has no such package`,
        hint: allowedIn(from),
      };
    }
    if (to.folder === from.folder) {
      return {
        message: `${from.folder} imports itself as "${specifier}"`,
        hint: "import the file by its relative path",
      };
    }
    // Each file of the test helpers is imported by its own name, so that a test loads no more than it uses.
    const helpers = to.folder === "packages/testing";
    if (name[2] !== undefined && !helpers) return insidePackage(from, to, specifier);
    return layering(from, to, specifier, test);
  }
  if (!/^\.{1,2}\//.test(specifier)) return homed(from, specifier, test);
  const target = posix.join(posix.dirname(file), specifier);
  const to = placeOf(target);
  if (to?.folder === from.folder) return undefined;
  if (to?.folder.startsWith("packages/")) return insidePackage(from, to, specifier);
  if (to) return layering(from, to, specifier, test);
  return {
    message:
      `${from.folder} imports "${specifier}", which is ${target}: in no row of the layer table`,
    hint: allowedIn(from),
  };
}

function insidePackage(from: Place, to: Place, specifier: string): Violation {
  return {
    message: `${from.folder} imports "${specifier}", a file inside ${to.folder}`,
    hint: `import "@decorum/${
      posix.basename(to.folder)
    }" and export what is missing from its mod.ts`,
  };
}

/** Judges a use of the `Deno` global. */
export function judgeDenoGlobal(file: string): Violation | undefined {
  const top = file.split("/")[0] ?? "";
  if (!portable.includes(top) || isTestCode(file)) return undefined;
  return {
    message: `${placeOf(file)?.folder ?? top} uses Deno.*, but code in ${
      portable.join(" and ")
    } runs on Node too`,
    hint: "use the node: module that does the same; Deno.* is for tests and entry points",
  };
}
