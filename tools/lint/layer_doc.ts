import { chores, homedModules, type Layer, layers } from "./layer_table.ts";

/** The layer table as Markdown, for `docs/architecture.md`. */
export function layerTable(): string {
  const rows = [...layers, ...chores].map(({ folder, holds, importers }) =>
    `| \`${folder}\` | ${holds} | ${remarks(folder, importers)} |`
  );
  return ["| folder | holds | only |", "|---|---|---|", ...rows, ""].join("\n");
}

function remarks(folder: string, importers: Layer["importers"]): string {
  const homed = homedModules.filter(({ home }) => home === folder)
    .map(({ module }) => `\`${module.replace(/\/$/, "/*")}\``);
  return [
    ...(homed.length > 0 ? [`importer of ${homed.join(", ")}`] : []),
    ...(importers ? [`for ${importers.map((name) => `\`${name}\``).join(", ") || "tests"}`] : []),
  ].join("; ");
}
